"""What the tests of rails share: payouts, connections to the simulator, and the state machine's rules in a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails import http
from chalicelib.rails.carry import carried_out
from chalicelib.rails.rail import Answer, Instruction, Verdict, rail
from tests.rails.simulator import Simulator

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
RAILS = ("stripe", "paypal", "wise")
BALANCE = 100_000
ACCOUNTS = {"stripe": "acct_dist_1", "paypal": "zhang3@example.com", "wise": "40000000"}
SHAPES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "payouts" / "shapes.json"


def payout(name: str, currency: str = "USD", net: int = 1999, payout_id: str = "po_1", **changes: Any) -> Payout:
    """A payout whose first attempt is being submitted."""
    method = {"id": "default", "rail": name, "holder": "Zhang San", "account": changes.pop("account", ACCOUNTS[name])}
    made = Payout(
        id=payout_id,
        distributor_id="d_1",
        country="US",
        currency=currency,
        gross=net + 40,
        fee=40,
        tax=0,
        rail=name,
        method=method,
        state="submitting",
        history=(),
        requested_by="run:2026-11-22",
        created_at=AT,
        attempts=1,
        key=key_of(payout_id, 1),
    )
    return structs.replace(made, **changes)


def connection(name: str, simulator: Simulator | None = None, **secrets: str) -> Connection:
    """A connection to the simulator, or one that leads nowhere."""
    if simulator is None:
        return Connection(connection_id="c", provider=name, settings=ConnectionSettings(account="16421159"))
    held = simulator.provider(name).secrets | {each: (value,) for each, value in secrets.items()}
    settings = ConnectionSettings(base_url=f"{simulator.url}/{name}", account="16421159")
    return Connection(connection_id="c", provider=name, settings=settings, secrets=held)


def shapes(name: str) -> dict[str, Any]:
    """The provider's own examples; skips where they are not at hand."""
    if not SHAPES.exists():
        pytest.skip("the providers' examples are not here")
    found: dict[str, Any] = json.loads(SHAPES.read_text())[name]
    return found


def answer(status: int, body: Any) -> Answer:
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def submitted(simulator: Simulator, paid: Payout, by: Connection | None = None) -> Verdict:
    """What the first submission is told."""
    module, by = rail(paid.rail), by or connection(paid.rail, simulator)
    instruction = module.submit(paid, by, paid.attempts)
    return carried_out(module, instruction, "submit", paid, by, simulator.now, http.send)


def asked(simulator: Simulator, paid: Payout, by: Connection | None = None) -> Verdict:
    """What a query is told; where the rail has none, nothing is found."""
    module, by = rail(paid.rail), by or connection(paid.rail, simulator)
    instruction: Instruction | None = module.query(paid, by)
    if instruction is None:
        return Verdict("not_found")
    return carried_out(module, instruction, "query", paid, by, simulator.now, http.send)


def pursued(simulator: Simulator, paid: Payout, days: int = 40) -> Iterator[tuple[datetime, Verdict]]:
    """Submits, and then asks every ten minutes (daily after the third day), sending again only what may be sent again:
    everything that is said. Ends with what is final; with `unknown` where people have to look."""
    began, about = simulator.now, rail(paid.rail).ABOUT
    said = submitted(simulator, paid)
    sure = said.outcome not in ("unknown", "not_found")
    while True:
        yield simulator.now, said
        paid = structs.replace(paid, reference=said.reference or paid.reference)
        age = simulator.now - began
        expired = about.key_lives is not None and age >= about.key_lives
        final = said.outcome in ("paid", "failed", "returned")
        if final or age > timedelta(days=days) or (expired and not sure):
            return
        simulator.advance(timedelta(minutes=10) if age < timedelta(days=3) else timedelta(days=1))
        said = asked(simulator, paid)
        age = simulator.now - began
        usable = about.key_lives is None or age < about.key_lives
        if said.outcome == "not_found" and not sure and age >= about.lag and usable:
            said = submitted(simulator, paid)
        sure = sure or said.outcome not in ("unknown", "not_found")


def outcome(simulator: Simulator, paid: Payout, days: int = 40) -> str:
    """What is said in the end."""
    return [said.outcome for _, said in pursued(simulator, paid, days)][-1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
bodies = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode())


def spoiled(body: Any, draw: Any) -> Any:
    """A body with one of its values, at any depth, taken away or replaced by another; which it was."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
            places.append((value, key))
            if isinstance(inner, dict | list):
                walk(inner)

    copy = json.loads(json.dumps(body))
    walk(copy)
    holder, key = draw(st.sampled_from(places))
    if isinstance(holder, dict) and draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(json_values)
    return copy

"""Which files a run writes: the bank's own format with what it can carry, a CSV with the rest, and never another later."""

import pytest
from msgspec import convert

from chalicelib.domain.bank_formats import Originator
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.flows.file_payouts import file_payouts
from chalicelib.rails.bank_file import reference
from chalicelib.store import payout_runs, payouts, sealed
from tests.containers import SECRET
from tests.flows.money_out import (
    METHOD,
    RUN,
    check_books,
    earned,
    for_ever,
    joined,
    plan,
    reopened,
    run,
    states,
    written,
)

pytestmark = pytest.mark.usefixtures("cloud")
ORIGINATOR = {
    "name": "Tea House",
    "iban": "DE89370400440532013000",
    "routing": "021000021",
    "company_id": "1234567890",
}
IBAN = {"rail": "bank_file", "holder": "Anna Müller", "account": "NL91ABNA0417164300", "kind": "iban"}
US = {"rail": "bank_file", "holder": "Emma", "account": "9876543210", "bank": "021000021", "kind": "us_bank"}
FOLDER = f"payouts/bank_file/{RUN}"


def with_formats(**formats: str) -> None:
    plan(bank_formats=formats, originator=convert(ORIGINATOR, Originator))


def of(distributor_id: str, currency: str) -> str:
    return f"po_{RUN}_{distributor_id}_{currency}"


def test_each_payout_is_in_the_one_file_that_can_carry_it() -> None:
    with_formats(EUR="pain.001", USD="nacha")
    people = {"d_eur": IBAN, "d_usd": US, "d_card": METHOD}
    for name, method in people.items():
        joined(name, {"card": method})
    for name, currency in (("d_eur", "EUR"), ("d_card", "EUR"), ("d_usd", "USD"), ("d_eur", "USD"), ("d_card", "CNY")):
        earned(name, 5000, currency)

    assert run().amounts == {"EUR": 10000, "USD": 10000, "CNY": 5000}

    files = written()
    where = {
        f"{FOLDER}/EUR.xml": [of("d_eur", "EUR")],
        f"{FOLDER}/EUR.csv": [of("d_card", "EUR")],
        f"{FOLDER}/USD.ach": [of("d_usd", "USD")],
        f"{FOLDER}/USD.csv": [of("d_eur", "USD")],
        f"{FOLDER}/CNY.csv": [of("d_card", "CNY")],
    }
    assert files.keys() == where.keys()
    for payout_id in states():
        # An entry of NACHA holds fifteen characters of it.
        named = reference(payout_id)[:15].encode()
        assert [path for path, contents in files.items() if named in contents] == [
            path for path, ids in where.items() if payout_id in ids
        ]
    assert set(states().values()) == {"submitted"}
    check_books()


def test_where_the_format_carries_all_there_is_no_other_file() -> None:
    with_formats(EUR="pain.001")
    earned(joined("d_1", {"card": IBAN}), 5000, "EUR")
    run()

    assert list(written()) == [f"{FOLDER}/EUR.xml"]


def test_a_plan_that_says_otherwise_since_makes_no_second_file() -> None:
    with_formats(EUR="pain.001")
    earned(joined("d_1", {"card": IBAN}), 5000, "EUR")
    run()
    before = written()
    with_formats(EUR="csv")

    file_payouts(reopened(), lambda: True)

    assert written() == before
    assert payout_runs.get(RUN).state == "filed"


def test_sealed_methods_are_opened_for_the_file_and_stay_sealed_in_the_payout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "app_secret", lambda: SECRET)
    with_formats(EUR="pain.001")
    method = PayoutMethod(rail="bank_file", holder="Anna", account=IBAN["account"], kind="iban")
    earned(joined("d_1", {"card": sealed.sealed_method("d_1", method)}), 5000, "EUR")
    run()

    assert b"<Nm>Anna</Nm>" in written()[f"{FOLDER}/EUR.xml"]
    kept = payouts.existing(of("d_1", "EUR"))
    assert (kept.state, kept.method["shown"]) == ("submitted", "****4300")
    assert "account" not in kept.method and "Anna" not in str(kept)


def test_without_the_secret_nothing_is_filed_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "app_secret", lambda: SECRET)
    method = PayoutMethod(rail="bank_file", holder="Anna", account="12345678", kind="number")
    earned(joined("d_1", {"card": sealed.sealed_method("d_1", method)}), 5000)
    monkeypatch.setattr(sealed, "app_secret", lambda: SECRET[::-1])

    with pytest.raises(sealed.Unreadable):
        run()
    assert (written(), states()) == ({}, {of("d_1", "CNY"): "submitting"})
    monkeypatch.setattr(sealed, "app_secret", lambda: SECRET)

    assert run(remaining=for_ever).state == "filed"
    check_books()

"""A code, an e-mail and a phone number belong to one distributor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, Malformed
from chalicelib.domain.people import Distributor
from chalicelib.flows.sign_up import sign_up
from chalicelib.store import distributors, orders
from chalicelib.store.transactions import transact

pytestmark = pytest.mark.usefixtures("cloud_tables")

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def person(name: str, **more: Any) -> Distributor:
    given = {"id": f"d_{name}", "code": name.upper(), "name": name, "status": "active", "joined_at": f"2026-{name}"}
    return Distributor(**(given | more))


def test_a_distributor_is_found_by_id_code_and_contact() -> None:
    ann = person("ann", payout_methods={}, sponsor_id="d_bob")
    distributors.create(ann, {"email": "blind-1", "phone": "blind-2"})

    assert distributors.get("d_ann") == ann
    assert distributors.by_code("ANN") == ann
    assert distributors.find_by_claim("phone", "blind-2") == ann
    assert distributors.get_many(["d_ann", "d_nobody", "claim#code#ANN"]) == {"d_ann": ann}
    assert distributors.get("claim#code#ANN") is None


@pytest.mark.parametrize(
    ("code", "contacts", "taken"),
    [("ANN", {"email": "other"}, "CODE_TAKEN"), ("NEW", {"email": "blind"}, "EMAIL_TAKEN")],
)
def test_what_is_taken_leaves_nothing_behind(code: str, contacts: Any, taken: str) -> None:
    distributors.create(person("ann"), {"email": "blind"})

    with pytest.raises(Conflict) as conflict:
        distributors.create(person("cas", code=code), contacts)

    assert conflict.value.code == taken
    assert distributors.get("d_cas") is None
    assert distributors.owner_of("code", "NEW") is None


def test_of_eight_sign_ups_with_one_address_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.flows.credentials.hash_password", lambda _: "hash")

    def join(i: int) -> str:
        try:
            return sign_up(
                name=f"Ann {i}",
                email=f"Ann@Shop.example{' ' * (i % 2)}",
                phone=None,
                password="correct horse battery",
                invite_code=None,
                locale="en",
                country="DE",
                now=NOW,
            ).id
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(join, range(8)))

    assert sorted(answers)[:7] == ["EMAIL_TAKEN"] * 7
    assert sum(each.startswith("d_") for each in answers) == 1


def test_a_coupon_is_one_distributors() -> None:
    ann, bob = person("ann"), person("bob")
    distributors.create(ann, {})
    distributors.create(bob, {})

    distributors.claim_coupon(ann, "TEA10")
    distributors.claim_coupon(ann, "TEA10")

    with pytest.raises(Conflict):
        distributors.claim_coupon(bob, "TEA10")
    assert distributors.by_code("TEA10") == ann


def test_recruits_come_page_by_page_the_newest_first() -> None:
    for name in "abcde":
        distributors.create(person(name, sponsor_id="d_s"), {})
    distributors.create(person("z", sponsor_id="d_other"), {})

    first, cursor = distributors.recruits("d_s", 3, None)
    second, end = distributors.recruits("d_s", 3, cursor)

    assert [each.id for each in (*first, *second)] == ["d_e", "d_d", "d_c", "d_b", "d_a"]
    assert end is None
    with pytest.raises(Malformed):
        distributors.recruits("d_other", 3, cursor)
    with pytest.raises(Malformed):
        orders.of_distributor("d_s", 3, cursor)


def test_a_currency_is_noted_once_and_only_on_who_exists() -> None:
    distributors.create(person("ann"), {})

    assert transact(distributors.opens_currencies(["d_ann"], "CNY")) is None
    assert transact(distributors.opens_currencies(["d_ann"], "JPY")) is None
    assert transact(distributors.opens_currencies(["d_nobody"], "USD")) is not None
    assert distributors.opens_currencies([], "CNY") == []
    assert distributors.currencies_in_use() == ["CNY", "JPY"]

    found = distributors.get("d_ann")
    assert found and found.currencies == {"CNY", "JPY"}
    assert distributors.get("d_nobody") is None

"""While nobody knows what became of a payout it may be sent again: its connection keeps to the account."""

from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.errors import Conflict
from chalicelib.flows.connections import delete_connection, existing, put_connection, with_secrets
from chalicelib.flows.submit_payout import LEASE
from chalicelib.store import payouts
from tests.flows.money_out import NOW
from tests.flows.stripe_wire import LAG, NOT_FOUND, Wire, approved, found, lost, made, open_rails, out, transfer

OLD, NEW = "sk_test_1", "sk_test_2"


@pytest.fixture(autouse=True)
def rails(tables: Any) -> None:
    open_rails()


def put(connection_id: str = "stripe", *keys: str, account: str | None = None, **settings: Any) -> None:
    given = {"api_key": keys} if keys else {}
    put_connection(connection_id, "stripe", given, ConnectionSettings(account=account, **settings), "staff:1", NOW)


def refused(change: Any) -> str | int:
    """How many payouts are in the way."""
    before = existing("stripe")
    with pytest.raises(Conflict, match="PAYOUTS_UNDER_WAY") as refusal:
        change()
    assert structs.replace(existing("stripe"), updated_at=before.updated_at) == before
    return refusal.value.params["count"]


def another_account() -> tuple[Any, ...]:
    return (
        lambda: put("stripe", NEW),
        lambda: put("stripe", account="acct_2"),
        lambda: put("stripe", OLD, base_url="https://sandbox.example"),
        lambda: put("stripe", app_id="app_2"),
        lambda: delete_connection("stripe", "staff:1", NOW),
    )


def crashed(payout_id: str) -> None:
    with pytest.raises(ZeroDivisionError):
        out(payout_id, Wire(ZeroDivisionError()))


def left_to_people(payout_id: str) -> None:
    lost(payout_id)
    assert payouts.move(payouts.existing(payout_id), "manual_review", at=NOW, by="rail")


@pytest.mark.parametrize("leave", [crashed, lost, left_to_people])
def test_another_account_is_refused_while_a_payout_may_be_sent_again(leave: Any) -> None:
    leave(approved())

    assert [refused(change) for change in another_account()] == [1] * 5


def test_it_says_how_many_and_counts_its_own_alone() -> None:
    put("other", NEW)
    for i in range(3):
        lost(approved(f"d_{i}"))
    paid = approved("d_paid")
    out(paid, Wire(made(paid)))
    approved("d_waiting")

    assert refused(lambda: put("stripe", NEW)) == 3
    put("other", OLD)
    delete_connection("other", "staff:1", NOW)


def test_a_credential_of_the_same_account_is_rotated_with_the_old_one_beside_it() -> None:
    payout_id = approved()
    lost(payout_id)

    put("stripe", NEW, OLD)
    put("stripe", NEW)

    assert with_secrets("stripe", "stripe").held("api_key") == (NEW,)
    done = out(payout_id, Wire(NOT_FOUND, made(payout_id)), max(LAG, LEASE))
    assert done and done.state == "paid"


def test_where_the_settings_name_the_account_credentials_are_free() -> None:
    put("stripe", account="acct_1")
    lost(approved())

    put("stripe", NEW, account="acct_1")
    assert with_secrets("stripe", "stripe").held("api_key") == (NEW,)
    assert refused(lambda: put("stripe", OLD)) == 1


def test_what_says_nothing_of_the_account_may_change() -> None:
    lost(approved())

    put("stripe", notify_url="https://shop.example/hook", order_prefix="a-")
    put_connection("stripe", "stripe", {"signing_secret": ("whsec_x",)}, ConnectionSettings(), "staff:1", NOW)


def test_once_all_is_known_the_account_may_change() -> None:
    payout_id = approved()
    lost(payout_id)
    assert refused(lambda: put("stripe", NEW)) == 1

    out(payout_id, Wire(found(transfer(payout_id))), LAG)

    put("stripe", NEW)
    put("stripe", account="acct_2")
    delete_connection("stripe", "staff:1", NOW)

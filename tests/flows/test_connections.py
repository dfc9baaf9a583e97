"""Connections: checked when they are written, their secrets never read back, rotated without a gap; what a check tells."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.deliveries import ConnectionSettings, Request
from chalicelib.domain.errors import Busy, Conflict, Malformed, NotFound, Refused, Rejected
from chalicelib.flows.check_connection import check_connection
from chalicelib.flows.connections import delete_connection, existing, put_connection, with_secrets
from chalicelib.flows.receive_delivery import receive_delivery
from chalicelib.store import connections, hearings, secrets
from local.signers import fenrun
from tests.flows.deliveries import NOW, Storefront, order
from tests.flows.shop import open_shop

pytestmark = pytest.mark.usefixtures("tables")

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def put(connection_id: str = "shop-1", provider: str = "fenrun", *values: str, **settings: Any) -> Any:
    given = {"signing_secret": values} if values else {}
    return put_connection(connection_id, provider, given, ConnectionSettings(**settings), "staff:1", NOW)


def test_it_is_kept_without_its_secrets() -> None:
    put("shop-1", "fenrun", SECRET, OTHER, order_prefix="a-")

    stored = existing("shop-1")
    assert (stored.provider, stored.settings.order_prefix, stored.secret_counts) == (
        "fenrun",
        "a-",
        {"signing_secret": 2},
    )
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (SECRET, OTHER)
    scanned = boto3.client("dynamodb").scan(TableName="fenrun-settings")["Items"]
    assert SECRET not in json.dumps(scanned) and OTHER not in json.dumps(scanned)


def test_secrets_that_are_not_given_stay_and_settings_are_replaced() -> None:
    put("shop-1", "fenrun", SECRET, order_prefix="a-")
    put("shop-1", "fenrun")

    assert existing("shop-1").settings.order_prefix == ""
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (SECRET,)


def test_a_rotated_secret_counts_from_the_next_delivery_on() -> None:
    open_shop()
    shop = Storefront()
    assert shop.delivers(order()) == "done"
    new, key = fenrun.keys()
    new_secret = new["signing_secret"][0]

    put("shop-1", "fenrun", new_secret, shop.secret)
    old_key, shop.key = shop.key, key
    assert shop.delivers(order("o-2"), "msg_2") == "done"
    shop.key = old_key
    assert shop.delivers(order("o-3"), "msg_3") == "done"
    put("shop-1", "fenrun", new_secret)
    with pytest.raises(Rejected):
        shop.delivers(order("o-4"), "msg_4")


def test_what_another_change_overtook_keeps_its_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    put("shop-1", "fenrun", SECRET)

    with monkeypatch.context() as patch:
        patch.setattr(connections, "put", lambda *_: False)
        with pytest.raises(Conflict, match="CHANGED_MEANWHILE"):
            put("shop-1", "fenrun", OTHER)
    secrets.forget()
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (SECRET,)


def test_a_crash_after_the_secret_was_stored_leaves_the_old_one_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    put("shop-1", "fenrun", SECRET)
    stored = connections.put

    def crashes(connection: Any, *also: Any) -> bool:
        return stored(connection, *also) if not also else bool(1 / 0)

    with monkeypatch.context() as patch:
        patch.setattr(connections, "put", crashes)
        with pytest.raises(ZeroDivisionError):
            put("shop-1", "fenrun", OTHER)
    secrets.forget()
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (SECRET,)
    put("shop-1", "fenrun", OTHER)
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (OTHER,)


def test_secrets_do_not_follow_to_another_address() -> None:
    given = {"signing_secret": ("whsec_x",), "api_key": ("sk_live_x",)}
    put_connection("pays", "stripe", given, ConnectionSettings(), "staff:1", NOW)

    with pytest.raises(Refused, match="MISSING_SECRET"):
        put_connection("pays", "stripe", {}, ConnectionSettings(base_url="https://evil.example"), "staff:1", NOW)
    put_connection("pays", "stripe", given, ConnectionSettings(base_url="https://sandbox.example"), "staff:1", NOW)
    with pytest.raises(Refused, match="MISSING_SECRET"):
        put_connection("pays", "stripe", {}, ConnectionSettings(), "staff:1", NOW)


def test_a_connection_may_be_for_notifications_for_paying_out_or_both() -> None:
    put_connection("hears", "stripe", {"signing_secret": ("whsec_x",)}, ConnectionSettings(), "staff:1", NOW)
    put_connection("pays", "stripe", {"api_key": ("sk_live_x",)}, ConnectionSettings(), "staff:1", NOW)
    with pytest.raises(Refused) as refused:
        put_connection("half", "paypal", {"client_id": ("id-1",)}, ConnectionSettings(), "staff:1", NOW)
    assert [fault.path for fault in refused.value.faults] == ["secrets.client_secret"]


def test_secrets_that_are_lost_can_be_given_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    put("shop-1", "fenrun", SECRET)
    secrets.drop_connection_secrets("shop-1")
    secrets.forget()

    with pytest.raises(Busy):
        put("shop-1", "fenrun", order_prefix="a-")
    put("shop-1", "fenrun", OTHER)
    assert with_secrets("fenrun", "shop-1").held("signing_secret") == (OTHER,)


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        ({"signing_secret": ("whsec_short",)}, "BAD_SECRET", "secrets.signing_secret[0]"),
        ({"signing_secret": (SECRET, "no base64!")}, "BAD_SECRET", "secrets.signing_secret[1]"),
        ({"key": (SECRET,)}, "UNKNOWN_SECRET", "secrets.key"),
        ({}, "MISSING_SECRET", "secrets.signing_secret"),
        ({"signing_secret": ()}, "MISSING_SECRET", "secrets.signing_secret"),
    ],
)
def test_secrets_of_another_form_are_refused(values: dict[str, tuple[str, ...]], code: str, path: str) -> None:
    with pytest.raises(Refused) as refused:
        put_connection("shop-1", "fenrun", values, ConnectionSettings(), "staff:1", NOW)

    assert (refused.value.code, refused.value.faults[0].path) == (code, path)
    with pytest.raises(NotFound):
        existing("shop-1")


def test_a_provider_stays_and_an_id_fits_an_address() -> None:
    put("shop-1", "fenrun", SECRET)

    with pytest.raises(Conflict, match="PROVIDER_FIXED"):
        put_connection("shop-1", "stripe", {"signing_secret": ("whsec_x",)}, ConnectionSettings(), "staff:1", NOW)
    for wrong in ("a b", "a/b", "", "-a", "ü", "x" * 65):
        with pytest.raises(Malformed):
            put(wrong, "fenrun", SECRET)


def test_a_deleted_one_is_gone_with_its_secrets_and_can_come_again_as_another() -> None:
    put("shop-1", "fenrun", SECRET)
    delete_connection("shop-1", "staff:1", NOW)

    with pytest.raises(NotFound):
        existing("shop-1")
    with pytest.raises(NotFound):
        delete_connection("shop-1", "staff:1", NOW)
    assert connections.all_of_them(10, None) == ([], None)
    assert boto3.client("secretsmanager").list_secrets()["SecretList"][0]["Name"] == "fenrun"
    with pytest.raises(Refused, match="MISSING_SECRET"):
        put("shop-1", "fenrun")
    put_connection("shop-1", "stripe", {"signing_secret": ("whsec_new",)}, ConnectionSettings(), "staff:1", NOW)
    assert existing("shop-1").provider == "stripe"


# ------------------------------------------------------------------ what a check tells


def refused(request: Request, at: Any = NOW) -> str:
    hearings.forget()
    with pytest.raises(Rejected):
        receive_delivery("fenrun", "shop-1", request, at)
    return check_connection("shop-1").refused[0][0]


def test_a_check_names_the_cause() -> None:
    open_shop()
    shop = Storefront()
    assert check_connection("shop-1").state == "silent"
    signed = shop.signed(order())
    later = NOW + timedelta(seconds=1)

    assert refused(Request({}, signed.body)) == "NO_SIGNATURE"
    shop.key, key = b"w" * 32, shop.key
    assert refused(shop.signed(order()), later) == "BAD_SIGNATURE"
    shop.key = key
    assert refused(shop.signed(order(), at=NOW - timedelta(hours=1)), later + timedelta(seconds=1)) == "CLOCK"
    rewritten = Request(signed.headers, json.dumps(json.loads(signed.body), separators=(",", ":")).encode())
    assert refused(rewritten, later + timedelta(seconds=2)) == "BODY_CHANGED"
    assert (
        refused(Request({"x-shopify-hmac-sha256": "x"}, signed.body), later + timedelta(seconds=3)) == "OTHER_PROVIDER"
    )
    check = check_connection("shop-1")
    assert (check.state, check.other) == ("refused", "shopify")


def test_a_check_is_well_again_once_a_delivery_verifies() -> None:
    open_shop()
    shop = Storefront()
    refused(Request({}, b""))

    hearings.forget()
    shop.delivers(order(), at=NOW + timedelta(seconds=5))
    check = check_connection("shop-1")
    assert (check.state, check.verified_at) == ("ok", NOW + timedelta(seconds=5))
    assert [code for code, _ in check.refused] == ["NO_SIGNATURE"]


def test_a_check_counts_what_is_stuck() -> None:
    open_shop()
    shop, other = Storefront(), Storefront("shop-2")
    for i in range(2):
        shop.delivers(order(currency="CN"), f"msg_{i}")
    other.delivers(order(currency="CN"))

    check = check_connection("shop-1")
    assert check.state == "stuck"
    assert [(trouble.code, number) for trouble, number in check.stuck] == [("NO_SUCH_CURRENCY", 2)]


def test_refusals_are_written_down_once_in_some_seconds(requests_sent: Any) -> None:
    Storefront()
    hearings.forget()
    sent = requests_sent()
    for _ in range(5):
        with pytest.raises(Rejected):
            receive_delivery("fenrun", "shop-1", Request({}, b""), NOW)

    assert [name for name, _ in sent].count("UpdateItem") == 1

"""What is sealed opens for its own distributor, and for nobody else; nothing of it shows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.payout_methods import PayoutMethod, snapshot
from chalicelib.domain.payouts import Payout
from chalicelib.store import sealed
from tests.containers import SECRET

METHOD = PayoutMethod(rail="bank_file", holder="李伟", account="6228480402564890018", bank="ABC", kind="cn_card")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    known = [SECRET]
    monkeypatch.setattr(sealed, "app_secret", lambda: known[0])
    yield known


def payout(method: dict[str, str]) -> Payout:
    return Payout(
        id="po_1",
        distributor_id="d_1",
        country="CN",
        currency="CNY",
        gross=100,
        fee=0,
        tax=0,
        rail="bank_file",
        method=method,
        state="submitting",
        history=(),
        requested_by="run",
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
    )


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_was_sealed_opens_and_never_looks_the_same(plain: bytes, owner: str) -> None:
    first, second = sealed.seal(owner, plain), sealed.seal(owner, plain)

    assert sealed.opened(owner, first) == sealed.opened(owner, second) == plain
    assert first != second
    assert first.startswith("1.")


def test_it_is_one_distributor_s() -> None:
    with pytest.raises(sealed.Unreadable):
        sealed.opened("d_2", sealed.seal("d_1", b"account"))


def test_under_another_secret_it_does_not_open(secret: list[str]) -> None:
    text = sealed.seal("d_1", b"account")
    secret[0] = SECRET[::-1]

    with pytest.raises(sealed.Unreadable):
        sealed.opened("d_1", text)
    secret[0] = SECRET
    assert sealed.opened("d_1", text) == b"account"


def test_one_altered_bit_is_noticed() -> None:
    version, _, text = sealed.seal("d_1", b"account").partition(".")
    raw = urlsafe_b64decode(text)
    for place in range(len(raw)):
        altered = bytes(byte ^ (i == place) for i, byte in enumerate(raw))
        with pytest.raises(sealed.Unreadable):
            sealed.opened("d_1", f"{version}.{urlsafe_b64encode(altered).decode()}")


@pytest.mark.parametrize("text", ["", "1.", "1.AAAA", "1.%%%", "2.AAAA", "no", "1.é", "1." + "A" * 16])
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(sealed.Unreadable):
        sealed.opened("d_1", text)


def test_a_method_is_stored_without_its_account_and_holder() -> None:
    stored = sealed.sealed_method("d_1", METHOD)

    assert {name: value for name, value in stored.items() if name != "sealed"} == {
        "rail": "bank_file",
        "kind": "cn_card",
        "bank": "ABC",
        "shown": "****0018",
    }
    assert "李伟" not in str(stored) and "56489" not in str(stored)
    assert sealed.readable_method("d_1", stored) == {
        "rail": "bank_file",
        "kind": "cn_card",
        "bank": "ABC",
        "holder": "李伟",
        "account": METHOD.account,
    }


def test_a_payout_keeps_it_sealed_and_a_rail_reads_it() -> None:
    kept = payout(snapshot("card", sealed.sealed_method("d_1", METHOD)))

    assert METHOD.account not in repr(kept)
    found = sealed.readable(kept)
    assert (found.method["id"], found.method["account"], found.method["holder"]) == ("card", METHOD.account, "李伟")


def test_a_method_from_before_stays_readable() -> None:
    plain = {"id": "card", "rail": "bank_file", "holder": "1.AAAA", "account": "1234567"}

    assert sealed.readable(payout(plain)).method == plain


def test_a_method_that_holds_something_else_is_unreadable() -> None:
    with pytest.raises(sealed.Unreadable):
        sealed.readable_method("d_1", {"rail": "bank_file", "sealed": sealed.seal("d_1", b"not json")})

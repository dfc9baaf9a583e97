"""Claims on customers, visits through links, and joining."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec import json

from chalicelib.domain.errors import Conflict, Malformed, NotFound, Refused
from chalicelib.domain.plans import AttributionRules
from chalicelib.flows.bind_customer import bind_customer, read_binding
from chalicelib.flows.record_click import landing_page, record_click
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.sign_up import sign_up
from chalicelib.settings import settings
from chalicelib.store import clicks, customers, distributors
from tests.flows.shop import NOW, at, open_shop, person, plan

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()


def rules(**values: Any) -> None:
    save_plan("default", plan(attribution=AttributionRules(**values)), at(-20), "staff:1", NOW)


def test_the_first_claim_binds_and_others_are_kept_out() -> None:
    first = bind_customer("c-1", " an-n ", None, at(1))
    second = bind_customer("c-1", "CAS", None, at(2))

    assert (first.outcome, first.reason) == ("bound", "FIRST")
    assert (second.outcome, second.reason) == ("kept", "FIRST_BINDING_WINS")
    assert read_binding("c-1", at(3)).distributor_id == "ann"
    assert second.binding == first.binding == read_binding("c-1", at(3))


def test_a_claim_that_arrives_late_is_taken_where_it_belongs() -> None:
    bind_customer("c-1", "CAS", None, at(2))

    late = bind_customer("c-1", "ANN", None, at(1))

    assert late.outcome == "bound"
    assert read_binding("c-1", at(3)).distributor_id == "ann"


def test_a_claim_sent_twice_is_one() -> None:
    assert bind_customer("c-1", "ANN", None, at(1)) == bind_customer("c-1", "ANN", None, at(1))
    assert len(customers.get("c-1").claims) == 1


def test_the_last_claim_wins_after_the_protection_if_the_plan_says_so() -> None:
    rules(binding="last", protect_days=5)
    bind_customer("c-1", "ANN", None, at(0))

    assert bind_customer("c-1", "CAS", None, at(4)).reason == "PROTECTED"
    assert bind_customer("c-1", "CAS", None, at(5)).reason == "LAST_BINDING_WINS"
    assert read_binding("c-1", at(6)).distributor_id == "cas"


def test_a_binding_ends() -> None:
    rules(binding_days=10)
    bind_customer("c-1", "ANN", None, at(0))

    with pytest.raises(NotFound):
        read_binding("c-1", at(10))
    assert bind_customer("c-1", "CAS", None, at(11)).reason == "EXPIRED"


@pytest.mark.parametrize(("code", "click_id", "reason"), [("NO", None, "UNKNOWN_CODE"), (None, "no", "UNKNOWN_CLICK")])
def test_what_is_nobodys_binds_nobody(code: str | None, click_id: str | None, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        bind_customer("c-1", code, click_id, NOW)

    assert refused.value.code == reason
    assert customers.get("c-1").claims == ()


def test_a_suspended_distributor_and_the_customer_themself_bind_nobody() -> None:
    distributors.create(person("dan", status="suspended"), {})
    customers.set_owner("c-1", "ann")

    assert bind_customer("c-1", "DAN", None, NOW).reason == "INACTIVE"
    assert bind_customer("c-1", "ANN", None, NOW).reason == "SELF"
    assert customers.get("c-1").claims == ()


def test_a_click_binds_and_is_remembered_with_the_customer() -> None:
    recorded = record_click("ann", "https://shop.example/tea", None, at(0))

    bound = bind_customer("c-1", None, recorded.click_id, at(0.1))

    assert (bound.outcome, bound.binding and bound.binding.distributor_id) == ("bound", "ann")
    assert [click.click_id for click in customers.get("c-1").clicks] == [recorded.click_id]


def test_a_click_counts_for_as_long_as_the_plan_says() -> None:
    assert record_click("ANN", "https://shop.example/", None, at(0)).expires_at == at(30)
    rules(click_days=7)
    recorded = record_click("ANN", "https://shop.example/", "https://blog.example/", at(0))
    assert recorded.expires_at == at(0) + timedelta(days=7)
    click = clicks.get(recorded.click_id)
    assert click and (click.distributor_id, click.sponsor_id, click.at) == ("ann", "bob", at(0))


def test_a_click_on_nobodys_link_is_refused() -> None:
    with pytest.raises(Refused):
        record_click("NOBODY", "https://shop.example/", None, NOW)
    assert clicks.get("nothing") is None


@pytest.mark.parametrize(
    ("wanted", "page"),
    [
        (None, "https://shop.example/"),
        ("https://shop.example/tea?x=1#top", "https://shop.example/tea?x=1#top"),
        ("https://evil.example/", None),
        ("https://shop.example@evil.example/", None),
        ("http://shop.example/", None),
        ("https://shop.example.evil.example/", None),
    ],
)
def test_links_lead_to_the_shop_only(wanted: str | None, page: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "https://shop.example/")
    settings.cache_clear()

    if page:
        assert landing_page(wanted) == page
    else:
        with pytest.raises(Refused):
            landing_page(wanted)


@pytest.mark.parametrize("wanted", ["https://[", "https://shop.example\uff0fevil", "https://shop.example\u2100.evil"])
def test_what_is_no_address_leads_nowhere(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "https://shop.example/")
    settings.cache_clear()

    with pytest.raises(Malformed):
        landing_page(wanted)


def joining(**more: Any) -> Any:
    given = {"name": "Dan", "email": "dan@people.example", "phone": None, "password": "correct horse battery"}
    return given | {"invite_code": None, "locale": "en", "country": "DE", "now": NOW} | more


@pytest.fixture
def no_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.flows.credentials.hash_password", lambda _: "hash")


@pytest.mark.usefixtures("no_hashing")
def test_an_invite_code_names_the_sponsor() -> None:
    dan = sign_up(**joining(invite_code="a n n"))

    assert (dan.sponsor_id, dan.status, len(dan.code)) == ("ann", "active", 8)
    assert distributors.get(dan.id) == dan
    assert distributors.by_code(dan.code) == dan
    assert b"correct horse" not in json.encode(dan)


@pytest.mark.usefixtures("no_hashing")
@pytest.mark.parametrize(
    ("more", "error", "path"),
    [
        ({"email": None}, Malformed, "email"),
        ({"email": "nonsense"}, Malformed, "email"),
        ({"phone": "12"}, Malformed, "phone"),
        ({"invite_code": "NOBODY"}, Refused, "invite_code"),
    ],
)
def test_joining_is_refused_with_the_path(more: Any, error: type[Exception], path: str) -> None:
    with pytest.raises(error) as refused:
        sign_up(**joining(**more))

    assert [fault.path for fault in refused.value.faults] == [path]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("no_hashing")
def test_a_phone_number_however_spelled_is_one_persons() -> None:
    sign_up(**joining(phone="+4915112345678"))

    with pytest.raises(Conflict) as taken:
        sign_up(**joining(email="other@people.example", phone="+49 151 12345678"))

    assert taken.value.code == "PHONE_TAKEN"


@pytest.mark.usefixtures("no_hashing")
def test_a_code_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["id1", "ANN", "id2", "FRESH234"])
    monkeypatch.setattr("chalicelib.flows.sign_up.letters", lambda _: next(drawn))

    assert sign_up(**joining()).code == "FRESH234"

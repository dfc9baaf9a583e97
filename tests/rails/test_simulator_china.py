"""Alipay and WeChat Pay against the simulated providers over real HTTP: whatever goes wrong, nobody is paid twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.deliveries import PayoutNews, Request
from chalicelib.domain.errors import Rejected
from chalicelib.domain.payouts import key_of
from chalicelib.rails import http
from chalicelib.rails.rail import Verdict
from chalicelib.webhooks.provider import provider
from tests.rails.china import OPENID, USER_ID, Driver, payout
from tests.rails.simulator import Simulator
from tests.rails.simulator.faults import TRANSPORT, Kind
from tests.rails.simulator.rsa_keys import private_pem
from tests.rails.simulator.wechatpay import PATH

RAILS = ("alipay", "wechatpay")
PAYEES = {"alipay": USER_ID, "wechatpay": OPENID}
KEY = key_of("po_1", 1)
BALANCE = 10_000_000
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        for name in RAILS:
            running.top_up(name, "CNY", BALANCE)
        yield running


def paid(simulator: Simulator, name: str) -> int:
    """What reached the payee, after every fen is found at one place."""
    books = simulator.provider(name).books
    reserved = sum(each.amount for each in books.payments if each.place == "reserved")
    reached = sum(simulator.paid_to(PAYEES[name], "CNY", name).values())
    assert books.available["CNY"] + reserved == simulator.held(name, "CNY") == BALANCE - reached
    return reached


def outcomes(said: list[Verdict]) -> list[str]:
    return [each.outcome for each in said]


def bodies(simulator: Simulator, name: str) -> list[bytes]:
    """What was sent to make the payment."""
    given = [request for rail, request in simulator.requests if rail == name]
    if name == "wechatpay":
        return [request.body for request in given if (request.method, request.path) == ("POST", PATH)]
    forms = [request.form() for request in given]
    return [form["biz_content"].encode() for form in forms if form["method"] == "alipay.fund.trans.uni.transfer"]


def test_alipay_pays_at_once(simulator: Simulator) -> None:
    driver = Driver(simulator, payout("alipay"))
    made = driver.submit()
    assert made.outcome == "paid" and made.reference and driver.query() == made
    assert paid(simulator, "alipay") == 1999


def test_wechat_pay_s_recipient_confirms(simulator: Simulator) -> None:
    driver = Driver(simulator, payout("wechatpay"))
    made = driver.submit()
    assert made.outcome == "awaiting_recipient" and made.reason and paid(simulator, "wechatpay") == 0
    simulator.advance(HOUR)
    assert driver.query() == Verdict("paid", made.reference) and paid(simulator, "wechatpay") == 1999


def test_a_bill_that_nobody_confirms_fails_after_a_day_and_the_money_is_back(simulator: Simulator) -> None:
    simulator.faults.add("unconfirmed", "wechatpay")
    driver = Driver(simulator, payout("wechatpay"))
    driver.submit()
    simulator.advance(timedelta(hours=23, minutes=59))
    assert driver.query().outcome == "awaiting_recipient"
    simulator.advance(MINUTE)
    assert driver.query().outcome == "failed" and simulator.held("wechatpay", "CNY") == BALANCE
    assert paid(simulator, "wechatpay") == 0


def test_a_confirmation_at_the_last_moment(simulator: Simulator) -> None:
    simulator.faults.add("unconfirmed", "wechatpay")
    driver = Driver(simulator, payout("wechatpay"))
    driver.submit()
    simulator.advance(timedelta(hours=23, minutes=59))
    simulator.provider("wechatpay").confirm(KEY)
    simulator.advance(HOUR)
    assert driver.query().outcome == "paid" and paid(simulator, "wechatpay") == 1999


def test_a_bill_that_is_cancelled_at_the_provider(simulator: Simulator) -> None:
    driver = Driver(simulator, payout("wechatpay"))
    driver.submit()
    cancel = structs.replace(driver.instruction, path=f"{PATH}/out-bill-no/{KEY}/cancel", body=b"")
    authorised = driver.handler.authorised(cancel, driver.connection, simulator.now, http.send)
    answer = http.send(driver.connection.settings.base_url or "", authorised)
    assert answer and json.loads(answer.body)["state"] == "CANCELING" and driver.query().outcome == "submitted"
    simulator.advance(MINUTE)
    assert driver.query().outcome == "failed" and simulator.held("wechatpay", "CNY") == BALANCE


@pytest.mark.parametrize("kind", TRANSPORT)
@pytest.mark.parametrize("name", RAILS)
def test_a_spoiled_submission_is_asked_about_and_sent_again_to_the_byte(
    simulator: Simulator, name: str, kind: Kind
) -> None:
    simulator.faults.add(kind, name)
    said = Driver(simulator, payout(name, net=250_000)).pursue()
    assert said[0].outcome == "unknown" and said[-1].outcome == "paid"
    assert len(set(bodies(simulator, name))) == 1
    assert paid(simulator, name) == 250_000


@pytest.mark.parametrize("kind", TRANSPORT)
@pytest.mark.parametrize("name", RAILS)
def test_a_spoiled_query_says_nothing(simulator: Simulator, name: str, kind: Kind) -> None:
    driver = Driver(simulator, payout(name))
    driver.submit()
    simulator.faults.add(kind, name, on="query")
    assert driver.query().outcome == "unknown"
    assert driver.query().outcome in ("paid", "awaiting_recipient")


@pytest.mark.parametrize("name", RAILS)
def test_a_look_up_that_lags_leads_to_no_second_payment(simulator: Simulator, name: str) -> None:
    simulator.faults.add("hidden", name, after=timedelta(minutes=25))
    driver = Driver(simulator, payout(name))
    first = driver.submit()
    assert driver.query().outcome == "not_found"
    assert driver.submit() == first
    driver.pursue()
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("name", RAILS)
def test_what_is_still_pending(simulator: Simulator, name: str) -> None:
    simulator.faults.add("slow", name, after=timedelta(minutes=30))
    said = Driver(simulator, payout(name)).pursue()
    assert outcomes(said)[:3] == ["submitted"] * 3 and said[-1].outcome == "paid"
    assert paid(simulator, name) == 1999


def test_a_bill_that_waits_only_later_tells_what_to_confirm_with(simulator: Simulator) -> None:
    simulator.faults.add("slow", "wechatpay", after=timedelta(minutes=5))
    driver = Driver(simulator, payout("wechatpay", net=200_000))
    assert driver.submit().outcome == "submitted"
    simulator.advance(timedelta(minutes=5))
    waiting = driver.query()
    assert waiting.outcome == "awaiting_recipient" and waiting.reason
    assert len(bodies(simulator, "wechatpay")) == 2 and len(set(bodies(simulator, "wechatpay"))) == 1
    known = structs.replace(driver.payout, state="awaiting_recipient")
    driver.payout = known
    driver.query()
    assert len(bodies(simulator, "wechatpay")) == 2


def test_a_lost_answer_loses_no_confirmation(simulator: Simulator) -> None:
    simulator.faults.add("drop", "wechatpay")
    driver = Driver(simulator, payout("wechatpay"))
    assert driver.submit().outcome == "unknown"
    waiting = driver.query()
    assert waiting.outcome == "awaiting_recipient" and waiting.reason and paid(simulator, "wechatpay") == 0


@pytest.mark.parametrize("name", RAILS)
def test_what_the_provider_rejects_has_failed(simulator: Simulator, name: str) -> None:
    simulator.faults.add("rejected", name, after=timedelta(minutes=15))
    said = Driver(simulator, payout(name)).pursue()
    assert said[-1].outcome == "failed" and said[-1].reason
    assert paid(simulator, name) == 0 and simulator.held(name, "CNY") == BALANCE


def test_what_alipay_takes_back(simulator: Simulator) -> None:
    simulator.faults.add("returned", "alipay", after=HOUR)
    driver = Driver(simulator, payout("alipay"))
    assert driver.submit().outcome == "paid"
    simulator.advance(HOUR)
    assert driver.query().outcome == "returned" and paid(simulator, "alipay") == 0


def test_too_little_money_at_alipay_has_failed_and_after_a_top_up_the_next_attempt_is_paid(
    simulator: Simulator,
) -> None:
    driver = Driver(simulator, payout("alipay", net=BALANCE + 1))
    assert driver.submit() == Verdict("failed", reason="PAYER_BALANCE_NOT_ENOUGH")
    assert driver.query().outcome == "not_found" and paid(simulator, "alipay") == 0


def test_too_little_money_at_wechat_pay_stays_open_and_after_a_top_up_the_same_bill_is_paid(
    simulator: Simulator,
) -> None:
    driver = Driver(simulator, payout("wechatpay", net=BALANCE + 1))
    assert driver.submit() == Verdict("unknown", reason="NOT_ENOUGH")
    assert driver.query().outcome == "not_found"
    simulator.top_up("wechatpay", "CNY", 1)
    assert driver.pursue()[-1].outcome == "paid" and simulator.held("wechatpay", "CNY") == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"absent": {USER_ID}}, "PAYEE_NOT_EXIST"),
        ({"names": {USER_ID: "李四"}}, "PAYEE_USER_INFO_ERROR"),
    ],
)
def test_payees_that_alipay_refuses(simulator: Simulator, change: dict[str, Any], reason: str) -> None:
    for field, value in change.items():
        setattr(simulator.provider("alipay"), field, value)
    assert Driver(simulator, payout("alipay")).submit() == Verdict("failed", reason=reason)
    assert paid(simulator, "alipay") == 0


def test_less_than_the_least_that_alipay_pays(simulator: Simulator) -> None:
    assert Driver(simulator, payout("alipay", net=9)).submit() == Verdict("failed", reason="EXCEED_LIMIT_SM_MIN_AMOUNT")
    assert Driver(simulator, payout("alipay", net=10)).submit().outcome == "paid"


def test_a_name_that_wechat_knows_otherwise(simulator: Simulator) -> None:
    simulator.provider("wechatpay").names[OPENID] = "李四"
    verdict = Driver(simulator, payout("wechatpay", net=200_000)).submit()
    assert (verdict.outcome, verdict.reason) == ("failed", "NAME_NOT_CORRECT")
    assert paid(simulator, "wechatpay") == 0


@pytest.mark.parametrize("name", RAILS)
def test_the_same_key_for_another_payment_is_refused_and_nothing_is_concluded(simulator: Simulator, name: str) -> None:
    Driver(simulator, payout(name)).submit()
    other = Driver(simulator, payout(name, net=2000))
    assert other.submit().outcome == "unknown" and other.query().outcome == "unknown"
    simulator.advance(HOUR)
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("name", RAILS)
def test_what_is_not_signed_by_the_provider_is_not_believed(simulator: Simulator, name: str) -> None:
    driver = Driver(simulator, payout(name))
    simulator.provider(name).forged = 2
    assert driver.submit().outcome == "unknown" and driver.query().outcome == "unknown"
    driver.pursue()
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("name", RAILS)
def test_the_provider_takes_nothing_that_we_did_not_sign(simulator: Simulator, name: str) -> None:
    stranger = simulator.provider(name).connection()
    secret = {"alipay": "app_private_key", "wechatpay": "merchant_key"}[name]
    stranger = structs.replace(stranger, secrets=stranger.secrets | {secret: (private_pem("stranger"),)})
    driver = Driver(simulator, payout(name), stranger)
    assert driver.submit().outcome == "unknown" and driver.query().outcome == "unknown"
    stale = Driver(simulator, payout(name))
    simulator.now += timedelta(hours=1)
    old = stale.handler.authorised(stale.instruction, stale.connection, simulator.now - HOUR, http.send)
    answer = http.send(stale.connection.settings.base_url or "", old)
    assert stale.handler.classify(answer, "submit", stale.payout, stale.connection).outcome == "unknown"
    assert paid(simulator, name) == 0


@pytest.mark.parametrize("name", RAILS)
def test_workers_at_once(simulator: Simulator, name: str) -> None:
    driver = Driver(simulator, payout(name, net=250_000))
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: driver.submit(), range(16)))
    assert len(set(said)) == 1
    simulator.advance(HOUR)
    assert paid(simulator, name) == 250_000


def test_after_30_days_wechat_pay_knows_no_bill_any_more(simulator: Simulator) -> None:
    """That is why the key has expired then for us: nothing is sent again, people look."""
    driver = Driver(simulator, payout("wechatpay"))
    driver.submit()
    lives = driver.handler.ABOUT.key_lives
    assert lives == timedelta(days=30)
    simulator.advance(lives)
    assert driver.query().outcome == "paid"
    simulator.advance(MINUTE)
    assert driver.query().outcome == "not_found"


class Inbox:
    """Takes notifications as the flow does: verified, and what they say."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.news = simulator, list[PayoutNews]()

    def __call__(self, name: str, headers: dict[str, str], body: bytes) -> None:
        handler, connection = provider(name), self.simulator.provider(name).connection()
        payload = handler.verify(Request(headers, body), connection, self.simulator.now)
        assert payload is not None
        with pytest.raises(Rejected):
            handler.verify(Request(headers, body.replace(b"a", b"b", 1)), connection, self.simulator.now)
        self.news += [each for each in handler.facts(payload) if isinstance(each, PayoutNews)]


@pytest.mark.parametrize(("name", "kind"), [("alipay", None), ("wechatpay", None), ("alipay", "rejected")])
def test_the_notification_says_what_the_query_says(simulator: Simulator, name: str, kind: Kind | None) -> None:
    if kind:
        simulator.faults.add(kind, name, after=HOUR)
    inbox, driver = Inbox(simulator), Driver(simulator, payout(name))
    driver.submit()
    simulator.advance(HOUR)
    assert simulator.deliver(inbox, times=2) == 2
    verdict = driver.query()
    news = PayoutNews(key=KEY, rail=name, outcome=verdict.outcome, reference=verdict.reference, reason=verdict.reason)
    assert inbox.news == [news, news]


def test_a_bill_that_expires_is_told(simulator: Simulator) -> None:
    simulator.faults.add("unconfirmed", "wechatpay")
    inbox = Inbox(simulator)
    Driver(simulator, payout("wechatpay")).submit()
    simulator.advance(timedelta(days=2))
    simulator.deliver(inbox)
    assert [(each.outcome, each.reason) for each in inbox.news] == [("failed", "OVERDUE_CLOSE")]


def test_a_transfer_that_alipay_takes_back_is_told_after_it_was_paid(simulator: Simulator) -> None:
    simulator.faults.add("returned", "alipay", after=HOUR)
    inbox = Inbox(simulator)
    Driver(simulator, payout("alipay")).submit()
    simulator.advance(HOUR)
    simulator.deliver(inbox)
    assert [each.outcome for each in inbox.news] == ["paid", "returned"]


def test_a_notification_before_the_answer(simulator: Simulator) -> None:
    simulator.listener = inbox = Inbox(simulator)
    simulator.faults.add("webhook_first", "alipay")
    assert Driver(simulator, payout("alipay")).submit().outcome == "paid"
    assert [each.key for each in inbox.news] == [KEY]


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(RAILS), st.integers(0, 10**6), st.sampled_from([0.2, 0.6]), st.sampled_from([1999, 250_000]))
def test_whatever_goes_wrong_what_is_said_is_what_happened(name: str, seed: int, rate: float, net: int) -> None:
    kinds: tuple[Kind, ...] = (*TRANSPORT, "hidden", "slow", "rejected", "unconfirmed")
    with Simulator(seed=seed) as simulator:
        simulator.top_up(name, "CNY", BALANCE)
        simulator.faults.at_random(rate, kinds, on=("submit", "query"))
        driver = Driver(simulator, payout(name, net=net))
        last = driver.pursue(timedelta(days=10))[-1].outcome
        simulator.faults.at_random(0)
        simulator.advance(timedelta(days=2))
        assert last in ("paid", "failed")
        assert paid(simulator, name) == (net if last == "paid" else 0)
        assert len(set(bodies(simulator, name))) == 1

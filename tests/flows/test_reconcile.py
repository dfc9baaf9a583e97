"""A statement brings clearing to zero, and what contradicts moves no money."""

from datetime import date, timedelta

import pytest

from chalicelib.domain.errors import FenrunError
from chalicelib.domain.payouts import key_of
from chalicelib.flows import reconcile as flow
from chalicelib.flows.reconcile import read_reconciliation, reconcile_statement
from chalicelib.flows.report_results import Result, report_results
from chalicelib.rails.bank_file import reference
from chalicelib.settings import settings
from chalicelib.store import payouts, reconciliations
from tests.flows.money_out import (
    EVENT,
    METHOD,
    NOW,
    RUN,
    approved,
    balance,
    check_books,
    earned,
    joined,
    rows,
    run,
    states,
    written,
)

pytestmark = pytest.mark.usefixtures("cloud")
LATER = EVENT + timedelta(days=1)
DAY = date(2026, 11, 22)


def po(name):
    return f"po_{RUN}_{name}_CNY"


@pytest.fixture
def submitted(cloud):
    for i, amount in enumerate((5000, 6000, 7000), 1):
        earned(joined(f"d_{i}"), amount)
    run()


def entry(name, amount, direction="DBIT", back=""):
    return (
        f'\n<Ntry><Amt Ccy="CNY">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2026-11-22</Dt></BookgDt><AcctSvcrRef>B-{name}{direction}</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{reference(po(name))}</EndToEndId></Refs>{back}</TxDtls></NtryDtls></Ntry>"
    )


def camt(*entries):
    return f"<Document><BkToCstmrStmt><Stmt>{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"


def sent(contents, form="camt.053", rail="bank_file", apply=True, first=DAY, last=DAY, currency="CNY"):
    return reconcile_statement(rail, currency, form, first, last, contents, apply=apply, by="staff:maker", now=LATER)


def told(result):
    return [(each.kind, each.about, each.payout_id, each.expected, each.found) for each in result.findings]


ALL = camt(entry("d_1", "50.00"), entry("d_2", "60.00"), entry("d_3", "70.00"))


@pytest.mark.usefixtures("submitted")
def test_what_clears_brings_clearing_to_zero():
    result = sent(ALL)

    assert (result.matched, result.cleared, result.left, result.findings) == (3, 3, 0, ())
    assert (result.clearing.before, result.clearing.after, result.state) == (18000, 0, "done")
    assert set(states().values()) == {"paid"}
    assert payouts.existing(po("d_1")).reference == "B-d_1DBIT"
    assert balance("d_1") == {"available": 0, "in_flight": 0, "paid": 5000}
    assert read_reconciliation(result.id) == result
    assert sorted(row["action"] for row in rows(settings().audit_table)) == ["payout.paid"] * 3 + ["payouts.reconcile"]
    check_books()


@pytest.mark.usefixtures("submitted")
def test_the_same_statement_again_changes_nothing():
    sent(ALL)
    again = sent(ALL)

    assert (again.matched, again.cleared, again.left, again.findings) == (3, 0, 0, ())
    assert (again.clearing.before, again.clearing.after) == (0, 0)
    check_books()


@pytest.mark.usefixtures("submitted")
def test_without_apply_it_only_reports():
    result = sent(ALL, apply=False)

    assert (result.matched, result.cleared, result.left) == (3, 0, 3)
    assert result.clearing.before == result.clearing.after == 18000
    assert set(states().values()) == {"submitted"}


@pytest.mark.usefixtures("submitted")
def test_what_came_back_is_available_again():
    sent(ALL)
    result = sent(camt(entry("d_1", "50.00", "CRDT", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")), form="camt.053")

    assert result.cleared == 1 and told(result) == [
        ("missing", "amount", po("d_2"), 6000, None),
        ("missing", "amount", po("d_3"), 7000, None),
    ]
    returned = payouts.existing(po("d_1"))
    assert (returned.state, returned.history[-1].reason) == ("returned", "AC04")
    assert balance("d_1") == {"available": 5000, "in_flight": 0, "paid": 0}
    check_books()


@pytest.mark.usefixtures("submitted")
def test_breaks_are_listed_and_move_nothing():
    report_results([Result(payout_id=po("d_3"), outcome="failed", reason="closed")], "staff:finance", LATER)
    strange = entry("d_9", "9.99")
    result = sent(camt(entry("d_1", "50.01"), strange, entry("d_3", "70.00"), strange))

    assert told(result) == [
        ("missing", "amount", po("d_2"), 6000, None),
        ("different", "amount", po("d_1"), 5000, 5001),
        ("extra", "amount", None, None, 999),
        ("different", "state", po("d_3"), "failed", "paid"),
        ("extra", "amount", None, None, 999),
    ]
    assert (result.matched, result.cleared, result.clearing.before, result.clearing.after) == (0, 0, 11000, 11000)
    assert states() == {po("d_1"): "submitted", po("d_2"): "submitted", po("d_3"): "failed"}
    check_books()


@pytest.mark.usefixtures("submitted")
def test_paid_twice_under_two_names_is_found():
    report_results([Result(payout_id=po("d_1"), outcome="paid", reference="another")], "staff:finance", LATER)

    assert ("different", "reference", po("d_1"), "another", "B-d_1DBIT") in told(sent(ALL))


@pytest.mark.usefixtures("submitted")
def test_a_payout_of_the_month_before_is_late():
    result = sent(ALL, first=date(2026, 12, 1), last=date(2026, 12, 31))

    assert [each.kind for each in result.findings] == ["late"] * 3
    assert (result.cleared, result.clearing.after) == (3, 0)


@pytest.mark.usefixtures("submitted")
def test_our_own_file_with_the_outcomes_is_a_statement():
    file = written()[f"payouts/bank_file/{RUN}/CNY.csv"].decode().splitlines()
    contents = "\n".join([f"{file[0]},outcome", f"{file[1]},paid", f"{file[2]},failed", f"{file[3]},pending"])
    result = sent(contents, form="csv")

    assert (result.matched, result.cleared, result.findings) == (2, 2, ())
    assert sorted(states().values()) == ["failed", "paid", "submitted"]
    assert result.clearing.after == 7000
    check_books()


@pytest.mark.usefixtures("submitted")
def test_a_status_report_lacks_nothing():
    contents = (
        "<Document><CstmrPmtStsRpt><OrgnlPmtInfAndSts><TxInfAndSts>"
        f"<OrgnlEndToEndId>{reference(po('d_2'))}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        "</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    result = sent(contents, form="pain.002")

    assert (result.cleared, result.findings) == (1, ())
    assert states()[po("d_2")] == "failed"
    check_books()


def test_an_api_rail_by_our_key_keeps_its_own_name():
    earned(joined("d_1", {"card": {**METHOD, "rail": "paypal", "account": "d@shop.example"}}), 5000)
    payout = payouts.existing(approved("d_1"))
    key = key_of(payout.id, 1)
    for to in ("submitting", "submitted"):
        instructed = {"instructed": ("c", key, "sealed")} if to == "submitting" else {"reference": "BATCH1"}
        payout = payouts.move(payout, to, at=EVENT, by="rail", **instructed)
    contents = f"sender_item_id,time_processed,currency,amount,transaction_status\n{key},2026-11-22,CNY,50.00,SUCCESS\n"
    result = sent(contents, form="paypal", rail="paypal")

    assert (result.cleared, result.findings, result.clearing.after) == (1, (), 0)
    assert (payouts.existing(payout.id).state, payouts.existing(payout.id).reference) == ("paid", "BATCH1")
    assert told(sent(contents.replace("50.00", "51.00"), form="paypal", rail="paypal"))[0][:2] == (
        "different",
        "amount",
    )
    check_books()


def test_a_report_s_failure_does_not_count_while_the_payout_may_be_sent_again():
    earned(joined("d_1", {"card": {**METHOD, "rail": "paypal", "account": "d@shop.example"}}), 5000)
    payout = payouts.existing(approved("d_1"))
    key = key_of(payout.id, 1)
    payout = payouts.move(payout, "submitting", at=EVENT, by="rail", instructed=("c", key, "sealed"))
    payouts.move(payout, "unknown", at=EVENT, by="rail")
    heading = "sender_item_id,time_processed,currency,amount,transaction_status"
    contents = f"{heading}\n{key},2026-11-22,CNY,50.00,FAILED\n"
    result = sent(contents, form="paypal", rail="paypal")

    assert told(result) == [("different", "state", payout.id, "unknown", "failed")]
    assert (payouts.existing(payout.id).state, result.cleared) == ("unknown", 0)
    assert sent(contents.replace("FAILED", "SUCCESS"), form="paypal", rail="paypal").cleared == 1
    check_books()


@pytest.mark.usefixtures("submitted")
def test_when_time_is_up_the_same_statement_goes_on(monkeypatch):
    monkeypatch.setattr(flow, "_AT_ONCE", 1)
    monkeypatch.setattr(flow, "_APPLYING_SECONDS", -1)
    first = sent(ALL)
    assert (first.cleared, first.left, first.state) == (0, 3, "partly")

    monkeypatch.setattr(flow, "_APPLYING_SECONDS", 60)
    second = sent(ALL)
    assert (second.cleared, second.left, second.state, second.clearing.after) == (3, 0, "done", 0)


@pytest.mark.usefixtures("submitted")
def test_what_moved_elsewhere_meanwhile_is_a_finding(monkeypatch):
    real = flow.report_results

    def late(results, by, now, **more):
        monkeypatch.setattr(flow, "report_results", real)
        real([Result(payout_id=po("d_1"), outcome="failed")], "staff:other", now)
        return real(results, by, now, **more)

    monkeypatch.setattr(flow, "report_results", late)
    result = sent(ALL)

    assert told(result) == [("different", "state", po("d_1"), "failed", "paid")]
    assert (result.matched, result.cleared, result.left, result.clearing.after) == (2, 2, 0, 0)
    check_books()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"first": date(2026, 11, 23)}, "BAD_PERIOD"),
        ({"first": date(2026, 8, 22)}, "BAD_PERIOD"),
        ({"rail": "pigeon"}, "NO_SUCH_RAIL"),
        ({"rail": "stripe"}, "STATEMENT_FORMAT"),
        ({"form": "stripe"}, "STATEMENT_FORMAT"),
        ({"contents": "<!DOCTYPE a><a/>"}, "STATEMENT_DOCTYPE"),
    ],
)
def test_what_cannot_be_compared_is_refused(more, code):
    with pytest.raises(FenrunError) as refused:
        sent(**{"contents": ALL, **more})
    assert refused.value.code == code


@pytest.mark.usefixtures("submitted")
def test_more_than_one_request_can_compare_is_refused(monkeypatch):
    monkeypatch.setattr(reconciliations, "MOST_PAYOUTS", 2)
    with pytest.raises(FenrunError) as refused:
        sent(ALL)
    assert refused.value.code == "RECONCILIATION_TOO_LARGE"


def test_one_that_never_was_is_not_found():
    with pytest.raises(FenrunError) as refused:
        read_reconciliation("rec_none")
    assert (refused.value.code, NOW < LATER) == ("NOT_FOUND", True)

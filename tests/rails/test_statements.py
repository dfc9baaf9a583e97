"""Statements become lines: amounts to the last minor unit, and a file that is none is refused with its line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.money import DECIMALS, display
from chalicelib.domain.payouts import key_of
from chalicelib.rails.statement_values import MOST_LINES
from chalicelib.rails.statements import read, whole

KEY = key_of("po_1", 1)


def short(form, contents, currency="CNY"):
    return [
        (each.number, each.outcome, each.amount, each.currency, each.day) for each in read(form, contents, currency)
    ]


def refusal(form, contents, currency="CNY"):
    with pytest.raises(FenrunError) as refused:
        read(form, contents, currency)
    return refused.value.code, refused.value.params.get("line")


def test_csv_in_the_columns_of_our_own_file():
    contents = (
        "run_id,payout_id,currency,amount,reference,status,bank_reference,date\r\n"
        "r,po_1,CNY,12.34,ABC,paid,B1,2026-11-22\r\n"
        "r,po_2,CNY,5.00,DEF,rejected,,\r\n\r\n"
        "r,po_3,CNY,-5.00,GHI,,,2026-11-23T10:00:00Z\r\n"
        "r,po_4,CNY,5,JKL,pending,,2026/11/23\r\n"
    )
    assert short("csv", contents) == [
        (2, "paid", 1234, "CNY", "2026-11-22"),
        (3, "failed", 500, "CNY", None),
        (5, "returned", 500, "CNY", "2026-11-23"),
        (6, None, 500, "CNY", "2026-11-23"),
    ]
    first = read("csv", contents, "CNY")[0]
    assert (first.names, first.reference) == (("ABC", "po_1"), "B1")


def test_csv_of_an_account_with_debits_and_credits_semicolons_and_commas():
    contents = "\ufeffDate;Reference;Debit;Credit\n2026-11-22;A;1.234,56;\n2026-11-23;B;;7,00\n"

    assert short("csv", contents, "EUR") == [
        (2, "paid", 123456, "EUR", "2026-11-22"),
        (3, "returned", 700, "EUR", "2026-11-23"),
    ]


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1234.56", "CNY", 123456),
        ("1,234.56", "CNY", 123456),
        ("1.234,56", "CNY", 123456),
        ("1 234,5", "CNY", 123450),
        ("1'234.50", "CHF", 123450),
        ("1,234,567", "JPY", 1234567),
        ("12", "CNY", 1200),
        ("12.000000", "CNY", 1200),
        ("1.234", "KWD", 1234),
        ("1,5", "KWD", 1500),
        ("1,234", "CNY", None),
        ("1.234", "JPY", None),
        ("12.345", "CNY", None),
        ("12.5", "JPY", None),
        ("1,23,456.00", "CNY", None),
        ("1.2.3", "CNY", None),
        ("1e3", "CNY", None),
        ("NaN", "CNY", None),
        ("١٢", "CNY", None),
        ("99999999999999999", "CNY", None),
        ("--1", "CNY", None),
        ("", "CNY", None),
    ],
)
def test_amounts_are_read_exactly_or_not_at_all(text, currency, amount):
    contents = f'reference,amount\nA,"{text}"\n'
    if amount is None:
        assert refusal("csv", contents, currency) == ("STATEMENT_VALUE", 2)
    else:
        assert short("csv", contents, currency) == [(2, "paid", amount, currency, None)]


@given(st.integers(1, 10**15), st.sampled_from(sorted(DECIMALS)))
def test_what_we_write_we_read(amount, currency):
    text = display(amount, currency)
    if DECIMALS[currency] == 4:  # a single mark before three digits would be the only doubt
        assert "." in text
    assert read("csv", f"reference,amount\nA,{text}\n", currency)[0].amount == amount


def test_stripe_transfers_and_their_reversals():
    contents = (
        "balance_transaction_id,created_utc,currency,gross,reporting_category,source_id,transfer_metadata[payout_id]\n"
        "txn_1,2026-11-22 01:02:03,usd,-12.34,transfer,tr_1,po_1\n"
        "txn_2,2026-11-22 01:02:03,usd,99.00,charge,ch_1,\n"
        "txn_3,2026-11-23 01:02:03,usd,12.34,transfer_reversal,trr_1,po_1\n"
    )
    assert short("stripe", contents, "USD") == [
        (2, "paid", 1234, "USD", "2026-11-22"),
        (4, "returned", 1234, "USD", "2026-11-23"),
    ]
    assert read("stripe", contents, "USD")[0].names == ("po_1", "tr_1")


def test_paypal_s_activity_and_its_results():
    activity = (
        '"Date","Status","Currency","Gross","Custom Number"\n'
        f'"11/22/2026","Completed","USD","-1,012.34","{KEY}"\n'
        f'"11/23/2026","Completed","USD","1,012.34","{KEY}"\n'
        f'"11/23/2026","Unclaimed","USD","-1.00","{KEY}"\n'
        '"11/23/2026","Cancelled","USD","-5.00","order 9"\n'
    )
    results = (
        f"sender_item_id,time_processed,currency,amount,transaction_status\n{KEY},2026-11-22T1Z,USD,3.00,SUCCESS\n"
    )

    assert short("paypal", activity, "USD") == [
        (2, "paid", 101234, "USD", "2026-11-22"),
        (3, "returned", 101234, "USD", "2026-11-23"),
        (4, None, 100, "USD", "2026-11-23"),
    ]
    assert short("paypal", results, "USD") == [(2, "paid", 300, "USD", "2026-11-22")]


def test_wise_transfers_without_their_fees():
    contents = (
        '"TransferWise ID",Date,Amount,Currency,"Total fees"\n'
        "TRANSFER-55,22-11-2026,-12.84,EUR,0.50\n"
        "CARD-1,22-11-2026,-3.00,EUR,0\n"
        "TRANSFER-56,23-11-2026,12.34,EUR,0\n"
    )
    lines = read("wise", contents, "EUR")

    assert [(each.names[0], each.outcome, each.amount, each.day, each.doubtful) for each in lines] == [
        ("55", "paid", 1234, "2026-11-22", False),
        ("56", "returned", 1234, "2026-11-23", True),
    ]


def test_alipay_s_account_log_and_wechat_pay_s_fund_flow():
    alipay = (
        "#支付宝账务明细查询\n#起始日期\n"
        "账务流水号,业务流水号,商户订单号,发生时间,收入金额（+元）,支出金额（-元）\n"
        f"1\t,2026\t,{KEY}\t,2026-11-22 10:00:00,,-12.34\n"
        "2\t,2027\t,order\t,2026-11-22 10:00:00,8.00,\n"
        f"3\t,2028\t,{KEY}\t,2026-11-23 10:00:00,12.34,\n"
        "#-----\n#导出时间\n"
    )
    wechat = (
        "记账时间,微信支付业务单号,资金流水单号,业务名称,收支类型,收支金额（元）,业务凭证号\n"
        f"`2026-11-22 10:00:00,`13,`19,`转账,`支出,`12.34,`{KEY}\n"
        "`2026-11-22 10:00:00,`14,`20,`退款,`支出,`1.00,`REF1\n"
        "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`2.0,`0.0,`0.00,`2.0,`13.34\n"
    )
    assert short("alipay", alipay) == [
        (4, "paid", 1234, "CNY", "2026-11-22"),
        (6, "returned", 1234, "CNY", "2026-11-23"),
    ]
    assert short("wechatpay", wechat) == [(2, "paid", 1234, "CNY", "2026-11-22")]


CAMT = """<?xml version="1.0" encoding="ISO-8859-1"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Ntry><Amt Ccy="EUR">15.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-22</Dt></BookgDt>
<NtryDtls>
<TxDtls><Refs><AcctSvcrRef>B1</AcctSvcrRef><EndToEndId>A1</EndToEndId></Refs><Amt Ccy="EUR">10.00</Amt></TxDtls>
<TxDtls><Refs><EndToEndId>A2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">5</Amt></TxAmt></AmtDtls></TxDtls>
</NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><DtTm>2026-11-23T01:00:00</DtTm></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>A1</EndToEndId></Refs><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts></Ntry>
<Ntry><Amt Ccy="EUR">8.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts></Ntry>
<Ntry><Amt Ccy="EUR">9.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><AcctSvcrRef>B9</AcctSvcrRef>
<NtryDtls><Btch><PmtInfId>2026-11-22-EUR</PmtInfId></Btch></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""


def test_camt_booked_entries_by_their_transactions():
    lines = read("camt.053", CAMT, "EUR")

    assert [(each.names, each.outcome, each.amount, each.day, each.reference, each.reason) for each in lines] == [
        (("A1",), "paid", 1000, "2026-11-22", "B1", None),
        (("A2",), "paid", 500, "2026-11-22", None, None),
        (("A1",), "returned", 1000, "2026-11-23", None, "AC04"),
        ((), "returned", 700, None, None, None),
        (("2026-11-22-EUR",), "paid", 900, None, "B9", None),
    ]
    assert [(each.number, each.doubtful) for each in lines] == [
        (5, False),
        (6, False),
        (9, False),
        (10, True),
        (12, False),
    ]


def test_which_statements_are_to_name_every_payout():
    lines = read("camt.053", CAMT, "EUR")
    assert whole("camt.053", []) and whole("csv", []) and whole("camt.054", lines)
    assert not whole("camt.054", lines[2:4]) and not whole("pain.002", lines)


def pain(*transfers, group=""):
    inside = "".join(f"<TxInfAndSts>{each}</TxInfAndSts>" for each in transfers)
    return (
        "<Document><CstmrPmtStsRpt><OrgnlGrpInfAndSts>"
        f"{group}</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>{inside}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )


def test_pain_002_decides_only_what_is_settled_or_rejected():
    contents = pain(
        "<OrgnlEndToEndId>A1</OrgnlEndToEndId><TxSts>ACSC</TxSts>",
        "<OrgnlEndToEndId>A2</OrgnlEndToEndId><TxSts>ACCP</TxSts>",
        "<OrgnlEndToEndId>A3</OrgnlEndToEndId><StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf>"
        '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">1.5</InstdAmt></Amt></OrgnlTxRef>',
        group="<GrpSts>RJCT</GrpSts>",
    )
    lines = read("pain.002", contents, "EUR")

    assert [(each.names[0], each.outcome, each.amount, each.reason) for each in lines] == [
        ("A1", "paid", None, None),
        ("A2", None, None, None),
        ("A3", "failed", 150, "AC01"),
    ]


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "aaaa">]>\n<Document><BkToCstmrStmt>&a;</BkToCstmrStmt></Document>'
)


@pytest.mark.parametrize(
    ("form", "contents", "code", "line"),
    [
        ("camt.053", BOMB, "STATEMENT_DOCTYPE", 2),
        ("camt.053", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><Document/>', "STATEMENT_DOCTYPE", 1),
        ("camt.053", "<Document>\n<Bk", "STATEMENT_UNREADABLE", 2),
        ("camt.053", "<Document>&a;</Document>", "STATEMENT_UNREADABLE", 1),
        ("camt.053", "nothing", "STATEMENT_UNREADABLE", 1),
        ("camt.053", "\ud800", "STATEMENT_UNREADABLE", 1),
        ("camt.054", CAMT, "STATEMENT_UNREADABLE", 1),
        ("camt.053", CAMT.replace(">10.00<", ">10.001<"), "STATEMENT_VALUE", 5),
        ("camt.053", CAMT.replace("DBIT", "BOTH"), "STATEMENT_VALUE", 5),
        ("camt.053", CAMT.replace('"EUR">10', '"XXX">10'), "STATEMENT_VALUE", 5),
        ("camt.053", CAMT.replace("2026-11-22", "tomorrow"), "STATEMENT_VALUE", 5),
        ("pain.002", pain("<TxSts>WHAT</TxSts>"), "STATEMENT_VALUE", 1),
        ("csv", "", "STATEMENT_UNREADABLE", 1),
        ("csv", "a,b\n1,2\n", "STATEMENT_COLUMNS", None),
        ("csv", "reference,reference,amount\nA,B,1\n", "STATEMENT_VALUE", 1),
        ("csv", 'reference,amount\n"A,1\n', "STATEMENT_UNREADABLE", 2),
        ("csv", "reference,amount\nA,1,2\n", "STATEMENT_UNREADABLE", 2),
        ("csv", "reference,amount\nA\n", "STATEMENT_VALUE", 2),
        ("csv", "reference,amount,date\nA,1,2026-13-01\n", "STATEMENT_VALUE", 2),
        ("csv", "reference,amount,date\nA,1,02/03/2026\n", "STATEMENT_VALUE", 2),
        ("csv", "reference,amount,status\nA,1,maybe\n", "STATEMENT_VALUE", 2),
        ("csv", "reference,amount,currency\nA,1,XXX\n", "STATEMENT_VALUE", 2),
        ("csv", f"reference,amount\n{'A' * 200_000},1\n", "STATEMENT_UNREADABLE", 2),
        ("wechatpay", f"业务凭证号,收支金额,收支类型,记账时间\n{KEY},1,他,2026-11-22\n", "STATEMENT_VALUE", 2),
    ],
)
def test_a_bad_file_is_refused_with_its_line(form, contents, code, line):
    assert refusal(form, contents) == (code, line)


@given(st.sampled_from(("csv", "stripe", "paypal", "wise", "alipay", "wechatpay", "camt.053", "pain.002")), st.text())
def test_no_text_breaks_the_reader(form, contents):
    heads = {"csv": "reference,amount\n", "camt.053": "<Document><BkToCstmrStmt><Ntry>"}
    for text in (contents, heads.get(form, "") + contents):
        with suppress(Malformed, Refused):
            read(form, text, "CNY")


def test_a_statement_may_be_too_long_for_one_request():
    rows = "".join(f"A{i},1\n" for i in range(MOST_LINES + 1))
    assert refusal("csv", "reference,amount\n" + rows) == ("STATEMENT_TOO_LONG", None)

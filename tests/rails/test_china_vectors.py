"""Requests and answers that other implementations signed, where the reference folder is at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from chalicelib.rails import alipay, wechatpay
from chalicelib.rails.rail import Answer, Verdict
from tests.rails.china import payout

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
if not FIXTURES.is_dir():
    pytest.skip("The vectors are in the reference folder, which is not here.", allow_module_level=True)

KEY = "PO20251009001"
AT = datetime.fromtimestamp(1_760_000_000, UTC)
PRIVATE, PUBLIC = ((FIXTURES / f"test-rsa-2048-{kind}.pem").read_text() for kind in ("private", "public"))
SERIAL = "PUB_KEY_ID_0114232134912410000000000000"


@pytest.fixture(autouse=True)
def _its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (alipay, wechatpay):
        monkeypatch.setattr(module, "key_of", lambda *_: KEY)


def vectors() -> Any:
    return json.loads((FIXTURES / "payouts" / "signing-vectors.json").read_text())


def subject(rail: str) -> Any:
    return payout(rail, key=KEY, created_at=datetime(2025, 9, 15, tzinfo=UTC))


def of_alipay() -> Connection:
    bare = "".join(PRIVATE.splitlines()[1:-1])
    secrets = {"app_private_key": (bare,), "public_key": (PUBLIC,)}
    return Connection(
        connection_id="c", provider="alipay", settings=ConnectionSettings(account="2021000000000001"), secrets=secrets
    )


def of_wechatpay() -> Connection:
    settings = ConnectionSettings(
        account="1230000109", app_id="wxf636efh567hg4356", notify_url="https://api.example.com/webhooks/wechatpay"
    )
    secrets = {
        "merchant_key": (PRIVATE,),
        "merchant_serial": ("1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C",),
        "platform_key": (f"{SERIAL}\n{PUBLIC}",),
    }
    return Connection(connection_id="c", provider="wechatpay", settings=settings, secrets=secrets)


def test_alipay_s_request() -> None:
    vector = vectors()["alipay_request"]
    sent = alipay.authorised(alipay.submit(subject("alipay"), of_alipay(), 1), of_alipay(), AT, lambda *_: None)
    assert dict(parse_qsl(sent.body.decode(), strict_parsing=True)) == vector["params"] | {"sign": vector["sign"]}


def test_alipay_s_answer() -> None:
    answer = Answer(200, {}, vectors()["alipay_response"]["raw"].encode())
    verdict = alipay.classify(answer, "submit", subject("alipay"), of_alipay())
    assert verdict == Verdict("paid", "20251009110070000002000000000001")


def test_wechat_pay_s_request(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = vectors()["wechat_request"]
    monkeypatch.setattr(wechatpay, "token_hex", lambda _: vector["nonce_str"].lower())
    instruction = wechatpay.submit(subject("wechatpay"), of_wechatpay(), 1)
    sent = wechatpay.authorised(instruction, of_wechatpay(), AT, lambda *_: None)
    assert (sent.method, sent.path, sent.body) == (vector["method"], vector["path"], vector["body"].encode())
    assert sent.headers["Authorization"] == vector["authorization"]
    assert sent.headers["Wechatpay-Serial"] == SERIAL


def test_wechat_pay_s_answer() -> None:
    vector = vectors()["wechat_response"]
    answer = Answer(200, {name.lower(): value for name, value in vector["headers"].items()}, vector["body"].encode())
    verdict = wechatpay.classify(answer, "submit", subject("wechatpay"), of_wechatpay())
    number = "1330000071100999991182020050700019480001"
    assert verdict == Verdict("awaiting_recipient", number, "affffddafdfafddffda==")


def test_the_shapes_of_answers() -> None:
    """Every answer of the reference means what it says there; signed here, where it shows none."""
    from tests.rails.simulator.rsa_keys import public_pem, sign

    shapes = json.loads((FIXTURES / "payouts" / "shapes.json").read_text())
    held = structs.replace(of_alipay(), secrets={"public_key": (public_pem("alipay"),)})

    def judged(question: Any, node: str, value: Any) -> str:
        raw = json.dumps(value, ensure_ascii=False)
        body = f'{{"{node}":{raw},"sign":"{sign("alipay", raw.encode())}"}}'.encode()
        return alipay.classify(Answer(200, {}, body), question, subject("alipay"), held).outcome

    transfer, found = "alipay_fund_trans_uni_transfer_response", "alipay_fund_trans_common_query_response"
    told = shapes["alipay"]
    assert judged("submit", transfer, told["transfer"]["res"]["body"][transfer]) == "paid"
    assert judged("query", found, told["query"]["res"][found]) == "paid"
    assert judged("query", found, told["query"]["not_found"][found]) == "not_found"
    meant = [(each["sub_code"], judged("submit", transfer, each)) for each in told["errors"]]
    assert [outcome for _, outcome in meant] == ["unknown", "unknown", "failed", "failed", "failed", "failed"]

    secrets = of_wechatpay().secrets | {"platform_key": (f"{SERIAL}\n{public_pem('wechatpay')}",)}
    wechat, told = structs.replace(of_wechatpay(), secrets=secrets), shapes["wechat"]
    for case, outcome in (("create", "awaiting_recipient"), ("query", "paid"), ("cancel", "submitted")):
        body = json.dumps(told[case]["res"]["body"], ensure_ascii=False).encode()
        names = {
            "timestamp": "1",
            "nonce": "n",
            "serial": SERIAL,
            "signature": sign("wechatpay", b"1\nn\n" + body + b"\n"),
        }
        answer = Answer(200, {f"wechatpay-{name}": value for name, value in names.items()}, body)
        assert wechatpay.classify(answer, "query", subject("wechatpay"), wechat).outcome == outcome
    for each in told["errors"]:
        answer = Answer(each["status"], {}, json.dumps(each["body"]).encode())
        assert wechatpay.classify(answer, "submit", subject("wechatpay"), wechat).outcome == "unknown"

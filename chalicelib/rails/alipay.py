"""Paying out to Alipay accounts: single transfers, `alipay.fund.trans.uni.transfer` (opendocs.alipay.com/open/309).

`out_biz_no` is the same transfer for ever: sent again it gives the first one's result. What decides is the answer's status
or its `sub_code`, and only in an answer that Alipay signed. Accounts in certificate mode, which Alipay demands of most for
this interface, send the numbers of their certificates along.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from hashlib import md5
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct, structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.money import display
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails.carry import code
from chalicelib.rails.rail import UNKNOWN, About, Answer, Instruction, Outcome, Question, Send, Verdict
from chalicelib.webhooks.payout_news import ALIPAY

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_CURRENCY = "CNY"
_CHINA = timezone(timedelta(hours=8))
_PRODUCT = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}
_METHODS: Mapping[Question, str] = {
    "submit": "alipay.fund.trans.uni.transfer",
    "query": "alipay.fund.trans.common.query",
}
_IDENTITIES = {"user_id": "ALIPAY_USER_ID", "open_id": "ALIPAY_OPEN_ID", "logon_id": "ALIPAY_LOGON_ID"}
_STATES: Mapping[Question, Mapping[str, Outcome]] = {
    "submit": {"SUCCESS": "paid", "DEALING": "submitted"},
    "query": {**ALIPAY, "DEALING": "submitted", "INIT": "submitted", "WAIT": "submitted"},
}
_REFUSED = frozenset(
    {
        "EXCEED_LIMIT_PERSONAL_SM_AMOUNT",
        "EXCEED_LIMIT_SM_MIN_AMOUNT",
        "EXCEED_LIMIT_UNRN_DM_AMOUNT",
        "PAYEE_ACC_OCUPIED",
        "PAYEE_NOT_EXIST",
        "PAYEE_USER_INFO_ERROR",
        "PAYER_BALANCE_NOT_ENOUGH",
        "PERMIT_NON_BANK_LIMIT_PAYEE",
        "PERM_AML_NOT_REALNAME_REV",
    }
)
"""`sub_code`s of a transfer that was not made and will not be: the payee cannot get it, or we lack the money. All others
(`SYSTEM_ERROR`, `isp.unknow-error` …) leave it open."""

ABOUT = About(
    secrets={
        "app_private_key": "text",
        "public_key": "public_key",
        "app_certificate": "text",
        "root_certificate": "text",
    },
    optional=("app_certificate", "root_certificate"),
    account=True,
    base_url="https://openapi.alipay.com",
    key_lives=None,
    lag=timedelta(minutes=5),
    currencies=frozenset({_CURRENCY}),
)


class _Said(Struct, frozen=True):
    code: str
    sub_code: str | None = None
    status: str = ""
    out_biz_no: str | None = None
    order_id: str | None = None
    trans_amount: Decimal | None = None
    error_code: str | None = None


def submit(payout: Payout, connection: Connection, attempt: int) -> Instruction:
    """The transfer of the payout's net amount; what authorises it, the time included, is not in it.

    Raises `Refused` where the connection cannot sign, and for a method whose kind of account Alipay does not know: before
    anything was sent.
    """
    _means(connection)
    key, since, kind = key_of(payout.id, attempt), payout.created_at.astimezone(_CHINA), payout.method.get("kind", "")
    if kind not in _IDENTITIES:
        raise Refused("NOT_ALLOWED", Fault("method.kind", "NOT_ALLOWED", {"value": kind}), value=kind)
    content = {
        "out_biz_no": key,
        "trans_amount": display(payout.net, _CURRENCY),
        **_PRODUCT,
        "order_title": "佣金",
        "payee_info": {
            "identity": payout.method["account"],
            "identity_type": _IDENTITIES[kind],
            "name": payout.method["holder"],
        },
        "remark": f"{since:%Y-%m} 佣金",
        "business_params": '{"payer_show_name_use_alias":"true"}',
        "transfer_scene_name": "佣金报酬",
        "transfer_scene_report_infos": [
            {"info_type": "岗位类型", "info_content": "推广员"},
            {"info_type": "报酬说明", "info_content": f"{since.month}月推广佣金"},
        ],
    }
    return _instruction(key, "submit", connection, content)


def query(payout: Payout, connection: Connection) -> Instruction:
    """Asks by our own number."""
    key = _key(payout)
    return _instruction(key, "query", connection, {**_PRODUCT, "out_biz_no": key})


def _key(payout: Payout) -> str:
    return payout.key or key_of(payout.id, payout.attempts)


def _instruction(key: str, question: Question, connection: Connection, content: object) -> Instruction:
    params = {
        "app_id": connection.settings.account or "",
        "method": _METHODS[question],
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "version": "1.0",
        "biz_content": msgspec.json.encode(content).decode(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    return Instruction(key, "POST", "/gateway.do", headers, urlencode(params).encode())


def authorised(instruction: Instruction, connection: Connection, now: datetime, send: Send) -> Instruction:
    """With the time (China's), the numbers of certificates, and RSA2 over all fields, `sign_type` included."""
    from chalicelib.rails.private_keys import signature

    private, numbers = _means(connection)
    params = dict(parse_qsl(instruction.body.decode(), strict_parsing=True)) | numbers
    params["timestamp"] = now.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
    signed = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["sign"] = signature(private, signed.encode())
    return structs.replace(instruction, body=urlencode(params).encode())


def _means(connection: Connection) -> tuple[RSAPrivateKey, dict[str, str]]:
    """What signs, and the certificates' numbers. Raises `Refused` for what cannot be read."""
    from chalicelib.rails.private_keys import private_key

    secrets = {"app_cert_sn": "app_certificate", "alipay_root_cert_sn": "root_certificate"}
    numbers = {
        name: _number(connection.held(secret)[0], secret) for name, secret in secrets.items() if connection.held(secret)
    }
    return private_key(connection, "app_private_key"), numbers


@lru_cache(maxsize=16)
def _number(certificates: str, secret: str) -> str:
    """Alipay's number of a certificate, or of the RSA ones in a bundle: MD5 over issuer and serial
    (opendocs.alipay.com/common/056zub). Raises `Refused` for what holds none."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(certificates.encode())
    except ValueError:
        found = []
    # 1.2.840.113549.1.1.*: signed with RSA. Alipay's bundle has roots of the SM2 kind, too.
    rsa = [each for each in found if each.signature_algorithm_oid.dotted_string.startswith("1.2.840.113549.1.1.")]
    if not rsa:
        raise Refused("BAD_SECRET", Fault(f"secrets.{secret}", "BAD_SECRET"))
    named = (f"{each.issuer.rfc4514_string()}{each.serial_number}" for each in rsa)
    return "_".join(md5(name.encode(), usedforsecurity=False).hexdigest() for name in named)


def classify(answer: Answer | None, question: Question, payout: Payout, connection: Connection) -> Verdict:
    """`unknown` is all that is not signed by Alipay, not about this payout, or not listed above."""
    said = _signed(answer.body, _METHODS[question], connection) if answer and answer.status == 200 else None
    if said is None:
        return UNKNOWN
    if said.code == "10000":
        outcome = _STATES[question].get(said.status)
        if outcome is None or said.out_biz_no != _key(payout) or not _of(payout, said.trans_amount):
            return UNKNOWN
        return Verdict(outcome, said.order_id, code(said.error_code))
    if said.code == "40004" and question == "query" and said.sub_code == "ORDER_NOT_EXIST":
        return Verdict("not_found", reason=said.sub_code)
    if said.code == "40004" and question == "submit" and said.sub_code in _REFUSED:
        return Verdict("failed", reason=said.sub_code)
    return Verdict("unknown", reason=code(said.sub_code))


def _of(payout: Payout, yuan: Decimal | None) -> bool:
    return yuan is None or yuan == Decimal(display(payout.net, _CURRENCY))


def _signed(body: bytes, method: str, connection: Connection) -> _Said | None:
    """What Alipay says, if one of its keys signed it: the value as it stands in the body, never written anew."""
    from chalicelib.webhooks.public_keys import verified

    try:
        values = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raw = bytes(values[method.replace(".", "_") + "_response"])
        sign = msgspec.json.decode(values["sign"], type=bytes)
        said = msgspec.json.decode(raw, type=_Said)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return said if any(verified(key, sign, raw) for key in connection.held("public_key")) else None

"""One order at Adyen as `NotificationRequestItem`s: authorised, captured, partly refunded, a refund that fails, disputed."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT = "TestMerchant"
PAYMENT = "8835511210681324"
CAPTURE = "8825511210689999"
REFUND = "8815511210690001"


def item(event: str, *, at: str = "2026-03-01T10:00:00+01:00", value: int = 59894, **more: Any) -> dict[str, Any]:
    """An item about the payment. `more`: fields by their own names; None leaves one out."""
    usual: dict[str, Any] = {
        "amount": {"currency": "EUR", "value": value},
        "eventCode": event,
        "eventDate": at,
        "merchantAccountCode": ACCOUNT,
        "merchantReference": "1001" if event == "AUTHORISATION" else f"{event.lower()} of 1001",
        "originalReference": None if event == "AUTHORISATION" else PAYMENT,
        "paymentMethod": "visa",
        "pspReference": PAYMENT if event == "AUTHORISATION" else REFUND,
        "reason": "",
        "success": "true",
    }
    return {name: value for name, value in (usual | more).items() if value is not None}


LIFE = (
    item("AUTHORISATION", additionalData={"authCode": "1234", "metadata.dist_ref": "ANNA"}),
    item("CAPTURE", at="2026-03-01T11:00:00+01:00", pspReference=CAPTURE),
    item("REFUND", at="2026-03-05T09:00:00+01:00", value=20900),
    item("REFUND", at="2026-03-06T09:00:00+01:00", value=1000, pspReference="8815511210690002"),
    item("REFUND_FAILED", at="2026-03-09T09:00:00+01:00", value=1000, pspReference="8815511210690002"),
    item("NOTIFICATION_OF_CHARGEBACK", at="2026-04-01T09:00:00+02:00", value=30000, pspReference="DISPUTE"),
    item("CHARGEBACK", at="2026-04-02T09:00:00+02:00", value=30000, pspReference="DISPUTE"),
    item("CHARGEBACK_REVERSED", at="2026-04-20T09:00:00+02:00", value=30000, pspReference="DISPUTE"),
    item("SECOND_CHARGEBACK", at="2026-05-20T09:00:00+02:00", value=30000, pspReference="DISPUTE"),
)


def body(*items: dict[str, Any]) -> bytes:
    """What `facts` reads: the delivery without its signatures."""
    wrapped = [{"NotificationRequestItem": each} for each in items]
    return json.dumps({"live": "true", "notificationItems": wrapped}).encode()

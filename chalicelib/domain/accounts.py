"""Names of the ledger's accounts. Positive is owed to the account's holder; the sum over all is zero per currency.

`distributor` is owed commission; `merchant` owes it; `clearing` is money on its way through a rail; `bank` what a rail
has paid out; `tax` what was withheld; `fees` what the operator kept. Only distributors have entries and a BALANCE; the
others are sums by day (DAY items), and merchants are spread over shards so that no item becomes hot.
"""

from __future__ import annotations

from zlib import crc32

MERCHANT_SHARDS = 8
OPERATOR = "operator"
"""The merchant of lines that name none: the operator itself sells."""


def distributor(distributor_id: str, currency: str) -> str:
    return f"distributor:{distributor_id}:{currency}"


def merchant(merchant_id: str, currency: str, order_id: str) -> str:
    """The merchant's account, in the shard of this order: the same for every posting of an order."""
    return f"merchant:{merchant_id}:{currency}:{crc32(order_id.encode()) % MERCHANT_SHARDS}"


def of_merchant(merchant_id: str, currency: str) -> tuple[str, ...]:
    """All shards of the merchant's account."""
    return tuple(f"merchant:{merchant_id}:{currency}:{shard}" for shard in range(MERCHANT_SHARDS))


def clearing(rail: str, currency: str) -> str:
    return f"clearing:{rail}:{currency}"


def bank(rail: str, currency: str) -> str:
    return f"bank:{rail}:{currency}"


def fees(rail: str, currency: str) -> str:
    return f"fees:{rail}:{currency}"


def tax(jurisdiction: str, currency: str) -> str:
    return f"tax:{jurisdiction}:{currency}"


def shard(account: str) -> str:
    """One of eight, always the same for an account: what many write at once is spread over them."""
    return str(crc32(account.encode()) % MERCHANT_SHARDS)


def currency_of(account: str) -> str:
    """The ISO 4217 code in an account's name."""
    parts = account.split(":")
    return parts[-2] if parts[0] == "merchant" else parts[-1]


def payee(account: str) -> tuple[str, str]:
    """The distributor and the currency of a distributor's account."""
    distributor_id, _, currency = account.removeprefix("distributor:").rpartition(":")
    return distributor_id, currency

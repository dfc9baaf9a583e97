"""Sort keys and index keys of the ledger. Text that sorts as the thing it names."""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.domain import accounts
from chalicelib.domain.buckets import HELD, Bucket, matures_on

BALANCE = "BALANCE"
DUE_SHARDS = tuple(map(str, range(accounts.MERCHANT_SHARDS)))
PAYABLE = "pay#"


def stamp(at: datetime) -> str:
    """The instant as UTC text of fixed width, microseconds included: sorts by time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def entry(at: datetime, posting: str, leg: str) -> str:
    return f"ENTRY#{stamp(at)}#{posting}#{leg}"


def day(bucket: Bucket) -> str:
    return f"DAY#{bucket.day}#{bucket.hold_days:03d}"


def total_day(day: str, shard: str | None = None) -> str:
    """The DAY item of an account that only counts by day: merchants; in shards clearing, bank, tax, fees."""
    return f"DAY#{day}#{shard}" if shard else f"DAY#{day}"


def shard(account: str) -> str:
    """The shard of the `due` index that an account's items stand in."""
    return accounts.shard(account)


def due_day(account: str, bucket: Bucket) -> str | None:
    """Where a DAY item stands in the `due` index: by the day on which it matures. Held money is never due."""
    return None if bucket.day == HELD else f"{matures_on(bucket)}#{account}"


def payable(account: str) -> str:
    """Where a BALANCE item stands in the `due` index while it may have money to pay out."""
    return f"{PAYABLE}{account}"

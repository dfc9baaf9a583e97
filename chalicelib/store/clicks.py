"""Clicks: kept in the Transient table for as long as one may still attribute an order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.attribution import Click
from chalicelib.settings import settings
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from chalicelib.store.keys import from_stamp, stamp


def click_ref(click_id: str) -> Ref:
    return ref(settings().transient_table, id=f"click#{click_id}")


def from_attributes(item: dict[str, Any] | None) -> Click | None:
    """The click in an item (plain attributes), if there is one."""
    if not item:
        return None
    return Click(
        click_id=item["id"].removeprefix("click#"),
        at=from_stamp(item["clicked_at"]),
        distributor_id=item["distributor_id"],
        sponsor_id=item.get("sponsor_id"),
    )


def get(click_id: str) -> Click | None:
    return from_attributes(read(click_ref(click_id)).get(click_ref(click_id)))


def record(click: Click, keep: timedelta, url: str, referrer: str | None) -> datetime:
    """Stores a click and says until when it counts."""
    until = click.at + keep
    item = {
        "id": f"click#{click.click_id}",
        "clicked_at": stamp(click.at),
        "distributor_id": click.distributor_id,
        "sponsor_id": click.sponsor_id,
        "url": url,
        "referrer": referrer,
        "expires": int(until.timestamp()) + 86_400,
    }
    send("put_item", TableName=settings().transient_table, Item=to_item(item))
    return until

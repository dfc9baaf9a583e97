"""A visit through a distributor's link."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from chalicelib.domain.attribution import Click
from chalicelib.domain.codes import normalised_code
from chalicelib.domain.errors import Fault, Malformed, Refused
from chalicelib.domain.plans import AttributionRules
from chalicelib.settings import settings
from chalicelib.store import clicks, distributors, plans


class Recorded(Struct, frozen=True):
    click_id: str
    expires_at: datetime


def attribution_rules(at: datetime) -> AttributionRules:
    """The attribution rules of the plan in force; the contract's defaults as long as there is no plan."""
    version = plans.in_force(plans.versions(plans.DEFAULT), at)
    return version.attribution if version else AttributionRules()


def record_click(code: str, url: str, referrer: str | None, now: datetime) -> Recorded:
    """Records the click and says until when it may attribute an order. Raises `Refused` for a code that is nobody's."""
    distributor = distributors.by_code(normalised_code(code))
    if distributor is None or distributor.status != "active":
        raise Refused("UNKNOWN_CODE", Fault("code", "UNKNOWN_CODE"))
    click = Click(
        click_id=secrets.token_urlsafe(15),
        at=now,
        distributor_id=distributor.id,
        sponsor_id=distributor.sponsor_id,
    )
    until = clicks.record(click, timedelta(days=attribution_rules(now).click_days), url, referrer)
    return Recorded(click.click_id, until)


def landing_page(wanted: str | None) -> str:
    """Where a link leads: the page asked for, if it is one of the shop, else the shop's front page.

    Raises `Malformed` for what is no address, `Refused` for a page of another site (links must not carry visitors away), or
    while no shop is set.
    """
    shop = settings().shop_url
    if not shop:
        raise Refused("NO_SHOP_URL")
    if wanted is None:
        return shop
    try:
        site = urlsplit(wanted)[:2]
    except ValueError:  # brackets or look-alikes of a slash in the host
        raise Malformed("BAD_URL", Fault("to", "BAD_URL")) from None
    if site != urlsplit(shop)[:2]:
        raise Refused("OTHER_SITE", Fault("to", "OTHER_SITE", {"shop": shop}))
    return wanted

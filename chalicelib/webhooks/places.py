"""Where in a payload something stands: `metadata.dist_ref`, `note_attributes.dist_ref`, `landing_site.ref`.

A place is a path of names. A name takes the field of an object; of a list of `{name|key, value}` pairs the value that goes
by it, of any other list the first that has it; of a text that is a link or a query, the parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.orders import Carriers
from chalicelib.webhooks.provider import About

_MAX_CARRIER, _MAX_ID = 64, 128


def at(described: Any, place: str) -> str | None:
    """The text (or whole number, as text) at a place, without spaces around it; None if there is nothing."""
    found = described
    for name in place.split("."):
        found = _step(found, name)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return (found.strip() or None) if isinstance(found, str) else None


def _step(found: Any, name: str) -> Any:
    if isinstance(found, dict):
        return found.get(name)
    if isinstance(found, list):
        for each in found:
            if not isinstance(each, dict):
                continue
            if "value" in each and name in (each.get("name"), each.get("key")):
                return each["value"]
            if name in each:
                return each[name]
        return None
    if isinstance(found, str):
        query = found.partition("?")[2].partition("#")[0] if "?" in found else found
        try:
            return parse_qs(query, max_num_fields=100).get(name, [None])[0]
        except ValueError:
            return None
    return None


def first(described: Any, places: Sequence[str], longest: int) -> str | None:
    """What stands at the first of these places that holds a printable text of at most `longest` characters."""
    for place in places:
        found = at(described, place)
        if found and len(found) <= longest and found.isprintable():
            return found
    return None


def order_id(described: Any, settings: ConnectionSettings, about: About) -> str | None:
    """The order's id by the connection's rule; None if none is found, or none that is short enough with its prefix."""
    usual = about.order_id if settings.order_id is None else settings.order_id
    found = first(described, usual, _MAX_ID - len(settings.order_prefix))
    return settings.order_prefix + found if found else None


def carriers(described: Any, settings: ConnectionSettings, about: About) -> Carriers:
    """What names a distributor, by the connection's rule. Buyers can write some of these places: what is no code at all is
    passed over, and what is none of ours decides nothing."""

    def carried(own: tuple[str, ...] | None, usual: tuple[str, ...]) -> str | None:
        return first(described, usual if own is None else own, _MAX_CARRIER)

    return Carriers(
        coupon=carried(settings.coupon, about.coupon),
        code=carried(settings.code, about.code),
        click_id=carried(settings.click_id, about.click_id),
    )

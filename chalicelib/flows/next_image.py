"""The image of an order that follows another: how every change of an order is numbered and timed."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType, structs

from chalicelib.domain.earnings import Earnings, earnings
from chalicelib.domain.orders import Facts, Order, Written
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Terms


def next_image(
    known: Order | None,
    facts: Facts,
    terms: Terms | None,
    now: datetime,
    stopped_at: datetime | UnsetType | None = UNSET,
) -> tuple[Order, Earnings]:
    """The image after `known` with these facts and terms, and what it earns; it notes itself if it changes that.

    `stopped_at` stays as it was unless it is given.
    """
    stop = (known.stopped_at if known else None) if isinstance(stopped_at, UnsetType) else stopped_at
    if known is None:
        image = Order(facts=facts, revision=1, recorded_at=now, terms=terms, stopped_at=stop)
    else:
        at = max(now, known.recorded_at)
        image = structs.replace(
            known,
            facts=facts,
            terms=terms,
            stopped_at=stop,
            revision=known.revision + 1,
            recorded_at=at,
            former=tuple(sorted({*known.former, *_paid(known.terms) - _paid(terms)})),
        )
    earned = earnings(image)
    if difference(known, image, earned):
        image = structs.replace(image, written=(*image.written, Written(revision=image.revision, at=image.recorded_at)))
    return image, earned


def _paid(terms: Terms | None) -> set[str]:
    """Whom the terms name."""
    return {each.distributor_id for each in (terms.direct, terms.indirect) if each} if terms else set()

"""What an order earns: for whom, by which rule, and by which entries of the books."""

from __future__ import annotations

from collections.abc import Sequence

from chalice import Blueprint
from msgspec import Struct

from chalicelib.api.because import because, steps
from chalicelib.api.callers import any_staff, scope
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.entries import EntryView, entry_view
from chalicelib.api.messages import Language
from chalicelib.domain.earnings import Earnings
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.explanations import explanations
from chalicelib.domain.orders import Order
from chalicelib.flows.explain_order import LevelState, explain_order

bp = Blueprint(__name__)


class LineCommission(Struct, frozen=True):
    """`base`: what the rates are of, after refunds. `direct`, `indirect` add up to the levels. `because`: every step from
    the price to the cent, in words; `steps`: the same, by level."""

    line_id: str
    base: int
    direct: int
    indirect: int
    because: str
    steps: dict[str, list[str]]


class CommissionsView(Struct, frozen=True):
    order_id: str
    currency: str
    revision: int
    plan: str | None
    attributed_by: str | None
    direct: LevelState | None
    indirect: LevelState | None
    capped: bool
    lines: list[LineCommission]
    entries: list[EntryView]


def line_commissions(
    order: Order,
    earned: Earnings,
    direct: Sequence[int],
    indirect: Sequence[int],
    language: Language,
    *,
    when: bool = True,
) -> list[LineCommission]:
    """The lines with these amounts at the two levels, and every step of why."""
    why, currency = explanations(order, when=when), order.facts.currency
    return [
        LineCommission(
            line_id=line.line_id,
            base=line.base,
            direct=direct[i],
            indirect=indirect[i],
            because=because(why[2 * i : 2 * i + 2], currency, language),
            steps=steps(why[2 * i : 2 * i + 2], currency, language),
        )
        for i, line in enumerate(earned.direct.lines)
    ]


@endpoint(
    bp,
    "GET",
    "/v1/orders/{order_id}/commissions",
    who=scope("orders:read") | any_staff(),
    answers=CommissionsView,
    summary="What an order earns, for whom, why, and the entries that booked it",
)
def get_commissions(call: Call, order_id: str) -> CommissionsView:
    explained = explain_order(order_id)
    terms = explained.order.terms
    return CommissionsView(
        order_id=order_id,
        currency=explained.order.facts.currency,
        revision=explained.order.revision,
        plan=f"{terms.plan_id}@{terms.version}" if terms else None,
        attributed_by=terms.because if terms else None,
        direct=explained.direct,
        indirect=explained.indirect,
        capped=explained.earned.capped,
        lines=line_commissions(
            explained.order,
            explained.earned,
            explained.earned.direct.by_line,
            explained.earned.indirect.by_line,
            call.language,
        ),
        entries=[
            entry_view(entry, entry_reasons(entry, explained.order), call.language) for entry in explained.entries
        ],
    )

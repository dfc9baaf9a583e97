"""What a distributor has, per currency: still to come, on hold, available, on its way, paid."""

from __future__ import annotations

from msgspec import Struct

from chalicelib.domain.errors import NotFound
from chalicelib.domain.people import Distributor
from chalicelib.store import distributors, orders, statement


class CurrencyBalance(Struct, frozen=True, kw_only=True):
    """Minor units. `estimated` comes from orders that have not accrued; the others from the books."""

    currency: str
    estimated: int
    pending: int
    available: int
    in_flight: int
    paid: int


def existing(distributor_id: str) -> Distributor:
    """The distributor. Raises `NotFound`."""
    found = distributors.get(distributor_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return found


def read_balance(distributor_id: str) -> list[CurrencyBalance]:
    """The balances of a distributor in every currency in which they have an account. Raises `NotFound`."""
    distributor = existing(distributor_id)
    to_come = orders.estimates(distributor_id)
    result = []
    for currency in sorted(distributor.currencies | to_come.keys()):
        held = statement.balance(distributor_id, currency)
        result.append(
            CurrencyBalance(
                currency=currency,
                estimated=to_come.get(currency, 0),
                pending=held.pending,
                available=held.available,
                in_flight=held.in_flight,
                paid=held.paid,
            )
        )
    return result

"""What a simulated provider holds for us and what it has handed on: the truth that tests compare our books with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal


@dataclass
class Payment:
    """Money taken from our balance for one payee, under the key that we gave. `reserved`: not at the payee yet."""

    key: str
    account: str
    currency: str
    amount: int
    place: Literal["reserved", "paid", "back"] = "reserved"


class Books:
    """Minor units per currency. Every unit that was topped up is available, reserved or at a payee."""

    def __init__(self) -> None:
        self.available: Counter[str] = Counter()
        self.topped_up: Counter[str] = Counter()
        self.payments: list[Payment] = []

    def top_up(self, currency: str, amount: int) -> None:
        self.available[currency] += amount
        self.topped_up[currency] += amount

    def reserve(self, key: str, account: str, currency: str, amount: int) -> Payment | None:
        """Takes the amount from what is available. None if that is not enough: then nothing is taken."""
        if self.available[currency] < amount:
            return None
        self.available[currency] -= amount
        payment = Payment(key, account, currency, amount)
        self.payments.append(payment)
        return payment

    def pay(self, payment: Payment) -> None:
        """What was reserved reaches the payee."""
        assert payment.place == "reserved", payment
        payment.place = "paid"

    def give_back(self, payment: Payment) -> None:
        """What was reserved or paid is available again."""
        assert payment.place != "back", payment
        payment.place = "back"
        self.available[payment.currency] += payment.amount

    def held(self, currency: str) -> int:
        """What the provider still has of ours: available or reserved."""
        return self.topped_up[currency] - self.paid(currency)

    def paid(self, currency: str) -> int:
        return sum(self._at_payees(currency, None).values())

    def paid_to(self, account: str, currency: str) -> Counter[str]:
        """What has reached this payee and stayed there, by our key. A key that paid twice has twice the amount."""
        return self._at_payees(currency, account)

    def _at_payees(self, currency: str, account: str | None) -> Counter[str]:
        paid: Counter[str] = Counter()
        for each in self.payments:
            if each.place == "paid" and each.currency == currency and account in (None, each.account):
                paid[each.key] += each.amount
        return paid

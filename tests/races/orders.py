"""Races around orders: the same one twice, and the claim on its customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import permutations

from chalicelib.domain.bindings import Claim, binding_at, outcome
from chalicelib.flows.bind_customer import bind_customer
from chalicelib.flows.record_order import record_order
from tests.flows.shop import NOW, at, beneficiaries, open_shop, ordered, paid
from tests.races.pair import OK, Meeting, Pair, Score, Told, insist, told
from tests.races.program import all_customers, all_orders, book_everything


class SameOrder(Pair):
    """Two say one amount, two say another: the order is stored once, and whoever says what it is not is refused."""

    name, seats, rounds = "order / same order", 4, 1400

    def open(self) -> None:
        open_shop()

    def meet(self, here: Meeting) -> str:
        amount = 10_000 + here.seat % 2
        said = ordered(f"o-{here.number}", amount, customer_id=f"c-{here.number}", payments=paid(amount))
        return told(lambda: record_order(said, NOW))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        images = all_orders()
        for each in rounds:
            score.count(each, {OK: 2, "LINES_DIFFER": 2})
            image = images[f"o-{each.number}"]
            kept = image.facts.lines[0].amount - 10_000
            score.expect(each.answers[kept] == OK, "told ok, and not stored:", each)
            score.expect((image.revision, beneficiaries(image)) == (1, ("ann", "bob")), "not once:", image)
        book_everything()


class BindAndOrder(Pair):
    """A customer is claimed while they order without a code: the order counts the claim or does not, once and for all. A
    claim of after the order never counts."""

    name, seats, rounds = "bind / order", 2, 2000

    def open(self) -> None:
        open_shop()

    def meet(self, here: Meeting) -> str:
        customer = f"c-{here.number}"
        if here.seat == 0:
            return told(lambda: bind_customer(customer, "CAS", None, _claimed_at(here.number)))
        said = ordered(f"o-{here.number}", code=None, customer_id=customer, payments=paid())
        return told(lambda: record_order(said, NOW))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        found, known = Counter[object](), all_customers()
        for each in rounds:
            score.count(each, {OK: 2})
        for name, image in all_orders().items():
            late = _claimed_at(int(name[2:])) > at(0)
            claims = known[f"c-{name[2:]}"].claims
            found[late, beneficiaries(image)] += 1
            possible = {(None, None)} | (set() if late else {("cas", "ann")})
            score.expect(image.revision == 1 and beneficiaries(image) in possible, "decided otherwise:", image)
            score.expect([claim.distributor_id for claim in claims] == ["cas"], "claims:", name, claims)
        score.expect(len(found) == 3 or len(rounds) < 500, "they did not meet:", found)
        book_everything()


def _claimed_at(number: int) -> datetime:
    return at(-1) if number % 3 else at(0.5)


class BindAndBind(Pair):
    """Three claims on one customer, one of them twice: whoever came first has them, whatever comes in first; and everybody
    is told what was true when their claim was written down."""

    name, seats, rounds = "bind / bind", 4, 700

    def open(self) -> None:
        open_shop()

    def meet(self, here: Meeting) -> str:
        code, when = _CLAIMS[here.seat]
        return insist(lambda: bind_customer(f"c-{here.number}", code, None, when)).outcome

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        known = all_customers()
        for each in rounds:
            claims = known[f"c-{each.number}"].claims
            became = Counter(outcome(claims, claim) for claim in claims)
            score.succeeded += became["bound", "FIRST"]
            score.refused += became["kept", "FIRST_BINDING_WINS"]
            score.expect(
                became == {("bound", "FIRST"): 1, ("kept", "FIRST_BINDING_WINS"): 2}, each.number, "became", became
            )
            binding = binding_at(claims, NOW)
            score.expect(binding and binding.distributor_id == "ann", each.number, "is bound to", binding)
            possible = any(_replies(order, claims) == each.answers for order in permutations(range(self.seats)))
            score.expect(possible, "nobody can have been told", each)


_CLAIMS = (("ANN", at(-3)), ("BOB", at(-2)), ("CAS", at(-1)), ("ANN", at(-3)))


def _replies(order: Sequence[int], claims: Sequence[Claim]) -> tuple[str, ...]:
    """What the seats are told if their claims are written down in this order."""
    named = {claim.distributor_id.upper(): claim for claim in claims}
    known: list[Claim] = []
    replies = {}
    for seat in order:
        mine = named[_CLAIMS[seat][0]]
        replies[seat] = outcome(known, mine)[0]
        known.append(mine)
    return tuple(replies[seat] for seat in sorted(replies))

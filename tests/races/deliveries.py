"""A provider sends a delivery again while it is being acted on, and staff replay it at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from chalicelib.domain.deliveries import Connection, Delivery
from chalicelib.flows.connections import with_secrets
from chalicelib.flows.receive_delivery import receive_delivery, retry_delivery
from chalicelib.flows.replay_delivery import replay_delivery
from chalicelib.settings import settings
from chalicelib.store import inbox
from chalicelib.webhooks import fenrun
from tests.flows.deliveries import NOW, Storefront, order
from tests.flows.shop import beneficiaries, open_shop
from tests.races.pair import OK, Meeting, Pair, Score, Told, insist, told
from tests.races.program import all_orders, book_everything, rows

DUPLICATE, NOT_YET = "duplicate", "NOT_FOUND"


class Replay(Pair):
    """Two redeliveries and two replays of one delivery: it is acted on, once as far as anybody can see. Of two rounds one
    begins with a delivery that was kept before a crash, the other with one that nobody has."""

    name, seats, rounds = "replay / redelivery", 4, 700

    def open(self) -> None:
        open_shop()
        self.shop = Storefront()

    def prepare(self, here: Meeting) -> None:
        if here.seat == 0 and here.number % 2:
            insist(lambda: self._keep(here.number, with_secrets("fenrun", self.shop.id)))

    def _keep(self, number: int, connection: Connection) -> None:
        request = self._request(number)
        payload = fenrun.verify(request, connection, NOW)
        assert payload
        kept = Delivery(
            id=_inbox_id(number),
            connection_id=self.shop.id,
            provider="fenrun",
            delivery_id=payload.delivery_id,
            topic=payload.topic,
            received_at=NOW,
            sha256=sha256(request.body).hexdigest(),
            size=len(request.body),
        )
        inbox.keep(kept, request.body, payload.content)

    def _request(self, number: int) -> object:
        return self.shop.signed(order(f"o-{number}"), f"msg_{number}")

    def meet(self, here: Meeting) -> str:
        if here.seat % 2:
            return told(lambda: replay_delivery(_inbox_id(here.number), f"staff:{here.seat}", NOW))
        outcome = insist(lambda: receive_delivery("fenrun", self.shop.id, self._request(here.number), NOW))
        if outcome == "received":  # somebody was in the way, and the next sweep takes it up
            insist(lambda: retry_delivery(_inbox_id(here.number), NOW))
            return OK
        return OK if outcome == "done" else outcome

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        images, kept_now = all_orders(), {row["id"]: row for row in rows(settings().inbox_table)}
        for each in rounds:
            kept = each.number % 2
            late = {} if kept else {NOT_YET: each.answers.count(NOT_YET)}
            duplicates = {DUPLICATE: each.answers[::2].count(DUPLICATE)}
            score.count(each, {OK: 4 - sum(late.values()) - sum(duplicates.values())} | late | duplicates)
            score.expect(kept or duplicates[DUPLICATE] < 2, "nobody acted on it:", each)
            delivery, image = kept_now[_inbox_id(each.number)], images[f"o-{each.number}"]
            score.expect("open_at" not in delivery and '"state":"done"' in delivery["delivery"], delivery)
            score.expect(image.revision == 1 and beneficiaries(image) == ("ann", "bob"), image)
        book_everything()


def _inbox_id(number: int) -> str:
    return inbox.delivery_key("shop-1", f"msg_{number}")

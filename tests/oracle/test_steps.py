"""An order told fact by fact, in any order and more than once: the postings add up to what the oracle expects of it."""

from collections import defaultdict
from os import environ
from random import Random

import pytest

from chalicelib.domain.buckets import HELD
from chalicelib.domain.orders import join
from chalicelib.domain.postings import difference
from tests.oracle.commission_oracle import expected
from tests.oracle.images import facts_of, image_of, settled, terms_of
from tests.oracle.random_orders import random_call, random_order
from tests.oracle.random_plans import chance, random_plan

HISTORIES = int(environ.get("ORACLE_HISTORIES", 20_000)) // 10
CHUNK = 500
DESCRIBED = ("customer_id", "placed_at", "updated_at", "lines", "shipping", "tax")


def told(rng, order):
    """The order as facts of its own each: some as they stood before, some twice, in any order."""
    said = [{name: order[name] for name in DESCRIBED if name in order}]
    said += [{name: order[name]} for name in ("delivered_at", "cancelled_at") if name in order]
    said += [{"payments": [payment]} for payment in order.get("payments") or []]
    for refund in order.get("refunds") or []:
        said.append({"refunds": [refund]})
        if refund.get("state") == "failed":
            said.append({"refunds": [{name: value for name, value in refund.items() if name != "state"}]})
    for dispute in order.get("disputes") or []:
        said.append({"disputes": [dispute]})
        if dispute["state"] != "open" and chance(rng, 0.7):
            said.append({"disputes": [dispute | {"state": "open", "at": "2025-02-01T00:00:00Z"}]})
    said += rng.choices(said, k=rng.randrange(4))
    rng.shuffle(said)
    return [facts_of({"currency": order["currency"]} | part) for part in said]


def arrived(facts, terms):
    """The last image, and the postings on the way to it."""
    image, postings = None, []
    for fact in facts:
        known = join(image.facts, fact) if image else fact
        if image and known == image.facts:
            continue
        following = image_of(known, terms if known.description else None, image.revision + 1 if image else 1)
        postings.append(difference(image, following))
        image = following
    return image, [posting for posting in postings if posting]


def sums(postings):
    """(account without its shard, whether a dispute holds it) -> amount; accounts at zero are left out."""
    found = defaultdict(int)
    for posting in postings:
        assert sum(part.amount for part in (*posting.entries, *posting.charges)) == 0
        for part in (*posting.entries, *posting.charges):
            found[":".join(part.account.split(":")[:2]), part.bucket.day == HELD] += part.amount
    return {key: amount for key, amount in found.items() if amount}


def books(order, now, undisputed):
    """The same of what the oracle expects."""
    found = defaultdict(int)
    for sold, free, whole in zip(order["lines"], now["lines"], undisputed["lines"], strict=True):
        for who, level in (("ann", "direct"), ("bob", "indirect")):
            for held, amount in ((False, free[level]), (True, whole[level] - free[level])):
                found[f"distributor:{who}", held] += amount
                found[f"merchant:{sold.get('merchant_id') or 'operator'}", held] -= amount
    return {key: amount for key, amount in found.items() if amount}


def agreed(seed):
    """Compares one history; the number of postings it took."""
    rng = Random(1_000_000 + seed)
    plan, order, call = random_plan(rng), random_order(rng), random_call(rng)
    image, postings = arrived(told(rng, order), terms_of(plan, call))

    assert image.facts == facts_of(order), (seed, order)
    now, undisputed = expected(plan, order, **call), expected(plan, settled(order), **call)
    assert sums(postings) == books(order, now, undisputed), (seed, plan, order, call)
    assert len({entry.account + posting.key + entry.leg for posting in postings for entry in posting.entries}) == sum(
        len(posting.entries) for posting in postings
    )
    return len(postings)


@pytest.mark.parametrize("start", range(0, HISTORIES, CHUNK))
def test_postings_of_facts_in_any_order_add_up_to_what_the_oracle_expects(start, record_property):
    seeds = range(start, min(HISTORIES, start + CHUNK))

    postings = sum(agreed(seed) for seed in seeds)

    record_property("oracle histories told fact by fact", len(seeds))
    record_property("oracle postings on their way", postings)

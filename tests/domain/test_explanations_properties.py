"""The figures of an explanation add up, whatever the order, and are said in both languages."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.api.because import words
from chalicelib.domain.earnings import earnings
from chalicelib.domain.explanations import explanations
from chalicelib.domain.money import rounded
from chalicelib.domain.orders import Facts, join
from tests.domain.builders import START, at, order
from tests.domain.strategies import all_terms, single_facts

known_facts = st.lists(single_facts(), min_size=1, max_size=7)
stops = st.none() | st.integers(0, 60).map(at)


def image_of(parts, frozen, stopped_at=None):
    whole = Facts(order_id="o-1", currency="CNY", placed_at=START)
    for part in parts:
        whole = join(whole, part)
    return structs.replace(order(whole, frozen), stopped_at=stopped_at)


def figure(text):
    return Fraction(Decimal(text))


def close(shown, exact, digits):
    """Whether a figure that is cut after some digits is this one."""
    return shown <= exact < shown + Fraction(1, 10**digits)


@given(known_facts, all_terms(merchants=True), stops)
def test_every_line_has_both_levels_and_its_amount_is_what_the_line_earns(parts, frozen, stopped_at):
    image = image_of(parts, frozen, stopped_at)
    earned, found = earnings(image), explanations(image)

    assert [(each.line_id, each.level, each.amount) for each in found] == [
        (line.line_id, level, earned.level(level).lines[i].amount)
        for i, line in enumerate(image.facts.lines)
        for level in ("direct", "indirect")
    ]
    for each in found:
        amounts = [reason.params["amount"] for reason in each.reasons if reason.code == "ROUNDED"]
        assert amounts in ([each.amount], []) and (amounts or each.amount == 0)
        assert all(words(reason, "CNY", language) for reason in each.reasons for language in ("en", "zh-CN"))


@given(known_facts, all_terms(merchants=True))
def test_the_base_is_the_amount_without_its_cost_with_its_extras_as_far_as_it_is_left(parts, frozen):
    for each in explanations(image_of(parts, frozen)):
        said = {reason.code: reason.params for reason in each.reasons}
        cost = {**said.get("COST", {}), **said.get("COST_UNKNOWN", {})}.get("cost", 0)
        least = max(0, said["AMOUNT"]["amount"] - cost)
        extras = said.get("EXTRAS", {"shipping": "0", "tax": "0"})
        least += figure(extras["shipping"]) + figure(extras["tax"])
        share = figure(said["REFUNDED"]["left"]) / 100 if "REFUNDED" in said else Fraction(1)
        shown, spread = figure(said["BASE"]["base"]), Fraction(2, 100) * ("EXTRAS" in said)

        assert least * share - Fraction(1, 10**6) <= shown <= (least + spread) * (share + Fraction(1, 10**6))


@given(known_facts, all_terms(merchants=True))
def test_the_exact_figure_is_what_the_rule_makes_of_the_base(parts, frozen):
    direct = {}
    for each in explanations(image_of(parts, frozen)):
        said = {reason.code: reason.params for reason in each.reasons}
        [won] = [code for code in said if code.startswith("RULE_")] or [None]
        exact = figure(said["EXACT"]["exact"]) if won else None
        if each.level == "direct":
            direct = {each.line_id: exact}
        if won is None:
            continue
        base, percent = figure(said["BASE"]["base"]), figure(said[won].get("percent", "0")) / 100
        if won.endswith("_UNIT"):
            left = figure(said["REFUNDED"]["left"]) / 100 if "REFUNDED" in said else 1
            units = said[won]["unit"] * said["AMOUNT"]["quantity"]
            assert units * left <= exact + Fraction(1, 10**6) <= units * (left + Fraction(2, 10**6)) + 1
        elif won.endswith("_OF_DIRECT"):
            of = direct[each.line_id]
            assert of is None or abs(exact - of * percent) <= (of + 1) * Fraction(2, 10**6)
        else:
            assert abs(exact - base * percent) <= (base + 1) * Fraction(2, 10**8) + Fraction(2, 10**6)


@given(known_facts, all_terms())
def test_the_shares_of_a_level_are_its_exact_sum_rounded_once_less_what_was_cut(parts, frozen):
    image = image_of(parts, frozen)
    for level in ("direct", "indirect"):
        mine = [{r.code: r.params for r in each.reasons} for each in explanations(image) if each.level == level]
        paid = [said for said in mine if "EXACT" in said]
        if not paid or image.facts.cancelled_at:
            continue
        cuts = sum(paid[0].get(code, {"cut": 0})["cut"] for code in ("CAP", "MONTH_LIMIT"))
        shares = sum(said["ROUNDED"]["amount"] for said in paid)
        exact = sum(figure(said["EXACT"]["exact"]) for said in paid)
        nearest = {rounded(exact + Fraction(i, 10**6), frozen.plan.rounding) for i in (0, len(paid))}
        assert shares + cuts in nearest
        assert all(said.get(code) == paid[0].get(code) for said in paid for code in ("CAP", "MONTH_LIMIT"))

"""Every reason has its sentence in both languages, and every sentence of an explanation is said somewhere."""

from fractions import Fraction
from string import Formatter

import pytest
from msgspec import structs

from chalicelib.api.because import because, sentences, words
from chalicelib.domain.buckets import HELD, Bucket
from chalicelib.domain.explanations import Reason, decimal, explanations, hold
from chalicelib.domain.orders import Payment
from chalicelib.domain.plans import Base, Cap, IndirectRule, Ladder, Limit, Match, Override, Plan, RankRules, Rule, Step
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import at, disputed, facts, given_back, line, order, paid, terms

OF_ENTRIES = ("ENTRY_", "CAUSE_", "FROM_", "RULES_OF_LINES", "AVAILABLE_AT_ONCE")
"""What the statement says of an entry, not an explanation of a line."""
"""Nothing leads there: a ladder has rates only."""

X = Match(sku="X")
OF_DIRECT, PER_UNIT = IndirectRule(rate="0.5", of="direct"), IndirectRule(per_unit=3)
SOLD = paid(line(1000, quantity=3, sku="X"), shipping=10, tax=10)
GOLD = {
    "direct": Beneficiary(distributor_id="ann", rank="gold"),
    "indirect": Beneficiary(distributor_id="bob", rank="gold"),
}


def ladder(level):
    return Ladder(level=level, by="quantity", mode="whole", steps=(Step(start=1, rate="0.05"),))


def rules(indirect=None, **more):
    return Plan(direct=Rule(rate="0.1"), indirect=indirect or IndirectRule(rate="0.1"), **more)


PLANS = [
    rules(PER_UNIT),
    rules(OF_DIRECT, ladders=(ladder("direct"), ladder("indirect"))),
    rules(OF_DIRECT, limits=(Limit(per="month", amount=1), Limit(per="customer", orders=1))),
    rules(ladders=(ladder("indirect"),), cap=Cap(rate="0.05")),
    rules(overrides=(Override(match=X, direct=Rule(per_unit=3), indirect=OF_DIRECT),)),
    rules(overrides=(Override(match=X, direct=Rule(rate="0.3"), indirect=PER_UNIT),)),
    rules(ranks={"gold": RankRules(direct=Rule(per_unit=3), indirect=OF_DIRECT)}),
    rules(ranks={"gold": RankRules(direct=Rule(rate="0.3"))}, accrue_on="delivered"),
    rules(base=Base(of="margin", shipping=True)),
    rules(base=Base(tax=True)),
]
IMAGES = [
    *(order(SOLD, terms(each, **GOLD)) for each in PLANS),
    order(SOLD, terms(PLANS[2], customer_order_number=2)),
    order(paid(line(1000, cost=3)), terms(PLANS[8], direct=None)),
    *(
        order(SOLD, terms(indirect=Beneficiary(distributor_id="bob", unpaid=why)))
        for why in ("inactive", "self_purchase", "direct_inactive")
    ),
    order(structs.replace(SOLD, cancelled_at=at(1), refunds={"r1": given_back(1)})),
    structs.replace(
        order(facts(line(9), payments={"p1": Payment(amount=5, paid_at=at())}, disputes={"d1": disputed(1)})),
        stopped_at=at(1),
    ),
]


def test_every_code_has_its_sentence_and_every_sentence_is_said():
    said = [reason for image in IMAGES for each in explanations(image) for reason in each.reasons]
    said.append(hold(Bucket(HELD, 15)))
    mine = {code for code in sentences() if not code.startswith(OF_ENTRIES)}

    assert mine == {reason.code for reason in said}
    assert all(words(reason, "CNY", language) for reason in said for language in ("en", "zh-CN"))


def test_words_take_their_figures_in_both_languages():
    line_reasons = explanations(order(paid(line(1000)), terms(indirect=None)))

    assert because(line_reasons, "CNY", "en").startswith("direct: the line costs 10.00 CNY for 1; ")
    assert because(line_reasons, "CNY", "zh-CN").startswith("直接佣金：该行金额 10.00 CNY，数量 1，")
    assert because(line_reasons, "CNY", "en").endswith("nobody stands at this level.")


@pytest.mark.parametrize("code", sorted(sentences()))
def test_every_sentence_has_the_same_figures_in_both_languages(code):
    figures = {
        language: {name for _, name, _, _ in Formatter().parse(text) if name}
        for language, text in sentences()[code].items()
    }

    assert set(figures) == {"en", "zh-CN"}
    assert figures["en"] == figures["zh-CN"]


def test_words_refuse_a_code_without_a_sentence():
    with pytest.raises(KeyError):
        words(Reason("NO_SUCH_CODE", {}), "CNY", "en")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (Fraction(0), 6, "0"),
        (Fraction(100), 6, "100"),
        (Fraction(1, 3), 6, "0.333333"),
        (Fraction(2, 3), 2, "0.66"),
        (Fraction(5, 2), 4, "2.5"),
        (Fraction(-5, 2), 4, "-2.5"),
        (Fraction(-2, 3), 2, "-0.66"),
        (Fraction(-1, 1000), 2, "0"),
        (Fraction(1, 10**6), 6, "0.000001"),
    ],
)
def test_an_exact_value_is_cut_and_never_rounded_up(value, digits, text):
    assert decimal(value, digits) == text
    if digits == 6:
        assert decimal(value) == text

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.orders import Carriers
from chalicelib.webhooks.places import at, carriers, first, order_id
from chalicelib.webhooks.provider import About

ORDER = {
    "id": 820982911946154508,
    "name": " #1001 ",
    "paid": True,
    "total": 12.5,
    "note": None,
    "metadata": {"dist_ref": "ANNA", "nested": {"deep": "down"}},
    "note_attributes": [{"name": "color", "value": "red"}, {"name": "dist_ref", "value": "ANNA"}, "odd", None, 1],
    "meta_data": [{"id": 1, "key": "_dist_ref", "value": "BEN"}, {"key": "_number", "value": 7}],
    "discount_codes": [{"amount": "1.00"}, {"code": "SPRING", "amount": "10.00"}, {"code": "OTHER"}],
    "landing_site": "/shop?ref=CARL&utm=%E4%B8%AD%E6%96%87&empty=&ref=SECOND#top",
    "url": "https://shop.example/?a=b",
    "passback": "dist_ref=DORA&dist_click=clk%201",
    "attach": "ANNA",
}

ABOUT = About(
    secrets={},
    order_id=("number", "id"),
    code=("metadata.dist_ref",),
    coupon=("discount_codes.code",),
    click_id=("passback.dist_click",),
)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("id", "820982911946154508"),
        ("name", "#1001"),
        ("metadata.dist_ref", "ANNA"),
        ("metadata.nested.deep", "down"),
        ("note_attributes.dist_ref", "ANNA"),
        ("meta_data._dist_ref", "BEN"),
        ("meta_data._number", "7"),
        ("discount_codes.code", "SPRING"),
        ("landing_site.ref", "CARL"),
        ("landing_site.utm", "中文"),
        ("url.a", "b"),
        ("passback.dist_ref", "DORA"),
        ("passback.dist_click", "clk 1"),
        ("attach", "ANNA"),
    ],
)
def test_what_stands_at_a_place(place, found):
    assert at(ORDER, place) == found


@pytest.mark.parametrize(
    "place",
    [
        "",
        ".",
        "nowhere",
        "nowhere.at.all",
        "paid",
        "total",
        "note",
        "note.x",
        "metadata",
        "metadata.nested",
        "id.x",
        "note_attributes",
        "note_attributes.size",
        "landing_site.empty",
        "landing_site.top",
        "attach.ref",
        "discount_codes.0",
    ],
)
def test_where_nothing_stands(place):
    assert at(ORDER, place) is None


def test_too_many_parameters_are_none():
    assert at({"url": "?" + "a=1&" * 200}, "url.a") is None


@pytest.mark.parametrize(("text", "found"), [("", None), ("  ", None), (" x ", "x"), ("0", "0"), (0, "0"), (-7, "-7")])
def test_spaces_around_it_do_not_count(text, found):
    assert at({"a": text}, "a") == found


def test_the_first_place_that_holds_a_fit_text():
    order = {"long": "x" * 65, "control": "a\nb", "hidden": "a\u200bb", "list": ["x"], "fits": "x" * 64, "too": "y"}

    assert first(order, ("nowhere", "long", "control", "hidden", "list", "fits", "too"), 64) == "x" * 64
    assert first(order, ("long", "control"), 64) is None
    assert first(order, (), 64) is None


def test_the_orders_id():
    assert order_id(ORDER, ConnectionSettings(), ABOUT) == "820982911946154508"
    assert order_id(ORDER | {"number": "7"}, ConnectionSettings(), ABOUT) == "7"
    assert order_id(ORDER, ConnectionSettings(order_id=("name", "id"), order_prefix="web-"), ABOUT) == "web-#1001"
    assert order_id(ORDER, ConnectionSettings(order_id=()), ABOUT) is None
    assert order_id({}, ConnectionSettings(order_prefix="web-"), ABOUT) is None


def test_an_orders_id_is_never_cut_for_its_prefix():
    long = {"number": "x" * 126}

    assert order_id(long, ConnectionSettings(order_prefix="ab"), ABOUT) == "ab" + "x" * 126
    assert order_id(long, ConnectionSettings(order_prefix="abc"), ABOUT) is None
    assert order_id(long | {"id": "7"}, ConnectionSettings(order_prefix="abc"), ABOUT) == "abc7"
    assert order_id(ORDER, ConnectionSettings(order_prefix="x" * 200), ABOUT) is None


def test_carriers():
    own = ConnectionSettings(code=("landing_site.ref", "attach"), coupon=(), click_id=("nowhere",))

    assert carriers(ORDER, ConnectionSettings(), ABOUT) == Carriers(coupon="SPRING", code="ANNA", click_id="clk 1")
    assert carriers(ORDER, own, ABOUT) == Carriers(code="CARL")
    assert carriers(None, ConnectionSettings(), ABOUT) == Carriers()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
names = st.sampled_from(["a", "b", "name", "key", "value", ""])
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(names, v, max_size=4), max_leaves=12)


@given(values, st.lists(names, max_size=4).map(".".join))
def test_whatever_stands_there_a_place_gives_a_text_or_nothing(described, place):
    found = at(described, place)

    assert found is None or (found and found == found.strip())
    for one in (order_id(described, ConnectionSettings(order_id=(place,)), ABOUT), first(described, (place,), 5)):
        assert one is None or (one.isprintable() and one == found)

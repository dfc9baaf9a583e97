"""dist.js in a real browser, on the pages of a shop, with the deployed API behind it."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from local.stack import Stack, client
from tests.browser.shop import Shop, chromium
from tests.cloud.shop import Http, Person

if chromium() is None:
    reason = "no Chromium here: install the system's, or run `.venv/bin/playwright install chromium`"
    pytest.skip(reason, allow_module_level=True)

CONSENT_FIRST = "(window.fenrun = window.fenrun || []).push(['consent', true])"


GUIDES = Path(__file__).resolve().parents[2] / "docs" / "connect"
SHOPIFY = "window.Shopify = {loadFeatures: (_, done) => done(), customerPrivacy: {marketingAllowed: () => false}};"


def snippet(guide: str, word: str) -> str:
    """The script in a guide that holds a word."""
    (found,) = [
        text for text in re.findall(r"<script>\n(.*?)</script>", (GUIDES / guide).read_text(), re.S) if word in text
    ]
    return found


def stored(stack: Stack, click_id: str) -> dict[str, str]:
    """What Fenrun has kept of a click."""
    item = client(stack.endpoint, "dynamodb").get_item(
        TableName=stack.tables["TransientTable"], Key={"id": {"S": f"click#{click_id}"}}
    )["Item"]
    return {name: next(iter(value.values())) for name, value in item.items()}


def cookie(shop: Shop) -> Any:
    (only,) = shop.cookies
    return only


def test_a_link_is_a_click_and_fills_the_fields_of_its_page(shop: Shop, stack: Stack, rae: Person) -> None:
    shop.open(f"/tea/green?ref={rae.code}&email=lin%40people.example#top", referer="https://blog.example/about-lin")

    code, click = shop.known
    kept = stored(stack, click)
    assert (code, kept["distributor_id"]) == (rae.code, rae.id)
    assert shop.fields == [rae.code, click, "mine"]
    assert shop.page.evaluate("fenrun.attributes()") == {"dist_ref": rae.code, "dist_click": click}
    assert kept["url"] == f"https://shop.example/tea/green?ref={rae.code}"
    assert kept["referrer"] == "https://blog.example"


def test_nothing_is_kept_without_consent(shop: Shop, rae: Person) -> None:
    shop.open(f"/?ref={rae.code}")
    assert shop.cookies == []
    shop.consent(False)
    assert (shop.known[0], shop.cookies) == (rae.code, [])

    shop.open("/cart")

    assert (shop.known, shop.fields, shop.cookies) == (["", ""], ["", "", "mine"], [])


def test_with_consent_it_lasts_as_long_as_the_click(shop: Shop, rae: Person) -> None:
    shop.open(f"/?ref={rae.code}")
    known = shop.known
    shop.consent(True)

    shop.open("/cart")

    assert (shop.known, shop.fields, len(shop.clicks)) == (known, [*known, "mine"], 1)
    kept = cookie(shop)
    assert (kept["value"], kept["path"]) == (".".join(known), "/")
    assert (kept["secure"], kept["sameSite"], kept["httpOnly"]) == (True, "Lax", False)
    assert kept["expires"] == pytest.approx(time.time() + 30 * 86_400, abs=60)


def test_it_does_not_last_longer_for_being_read(shop: Shop, rae: Person) -> None:
    shop.tag = "async data-consent=given"
    shop.open(f"/?ref={rae.code}")
    before = cookie(shop)
    time.sleep(1.1)

    shop.before = CONSENT_FIRST
    shop.open("/cart")

    assert cookie(shop) == before


def test_consent_taken_back_takes_all_with_it(shop: Shop, rae: Person) -> None:
    shop.before = CONSENT_FIRST
    shop.open(f"/?ref={rae.code}")
    assert cookie(shop)["value"].startswith(rae.code)
    shop.before = ""
    shop.open("/cart")

    shop.consent(False)

    assert (shop.known, shop.fields, shop.cookies) == (["", ""], ["", "", "mine"], [])
    shop.open("/cart")
    assert shop.known == ["", ""]


def test_the_last_link_counts(shop: Shop, rae: Person, sun: Person) -> None:
    shop.tag = "async data-consent=given"
    shop.open(f"/?ref={rae.code}")

    shop.open(f"/?ref={sun.code}")

    assert shop.known[0] == sun.code
    assert cookie(shop)["value"] == ".".join(shop.known)


def test_or_the_first_if_the_shop_says_so(shop: Shop, rae: Person, sun: Person) -> None:
    shop.tag = "async data-consent=given data-model=first"
    shop.open(f"/?ref={rae.code}")

    shop.open(f"/?ref={sun.code}")

    assert (shop.known[0], len(shop.clicks)) == (rae.code, 1)
    assert cookie(shop)["value"] == ".".join(shop.known)


def test_a_code_that_is_nobodys_is_not_kept(shop: Shop, rae: Person) -> None:
    shop.tag = "async data-consent=given"
    shop.open("/?ref=NOBODY99")
    assert (shop.known, shop.fields, shop.cookies) == (["", ""], ["", "", "mine"], [])
    shop.open(f"/?ref={rae.code}")

    shop.open("/?ref=NOBODY99")

    assert (shop.known[0], len(shop.clicks)) == (rae.code, 3)
    assert cookie(shop)["value"].startswith(rae.code)


@pytest.mark.parametrize("with_code", [True, False])
def test_a_click_of_a_redirect_is_not_sent_again(shop: Shop, rae: Person, with_code: bool) -> None:
    click = Http(shop.api).ok("POST", "/v1/clicks", {"code": rae.code, "url": shop.site})["click_id"]
    shop.tag = "async data-consent=given data-days=7"

    shop.open(f"/?ref={rae.code}&click_id={click}" if with_code else f"/?click_id={click}")

    assert (shop.known, shop.clicks) == ([rae.code if with_code else "", click], [])
    assert cookie(shop)["value"] == ".".join(shop.known)
    assert cookie(shop)["expires"] == pytest.approx(time.time() + 7 * 86_400, abs=60)


def test_a_click_id_of_somebody_else_is_none(shop: Shop, rae: Person) -> None:
    shop.open(f"/?ref={rae.code}&click_id=EAIaIQobChMI")

    assert (shop.known[0], len(shop.clicks)) == (rae.code, 1)


def test_the_parameter_and_the_days_are_the_shops_choice(shop: Shop, rae: Person) -> None:
    shop.tag = "async data-consent=given data-param=via data-days=1"

    shop.open(f"/?via={rae.code[:3].lower()}-{rae.code[3:]}")

    assert shop.fields[1] == shop.known[1] != ""
    assert cookie(shop)["expires"] == pytest.approx(time.time() + 86_400, abs=60)


def test_the_cart_gets_the_code_once_the_visitor_agrees(shop: Shop, rae: Person) -> None:
    shop.tag = "async data-shopify"
    shop.open(f"/?ref={rae.code}")
    assert shop.carts == []
    code, click = shop.known

    shop.consent(True)
    assert shop.carts_sent(1) == [{"dist_ref": code, "dist_click": click}]

    shop.consent(False)
    assert shop.carts_sent(2)[1:] == [{"dist_ref": "", "dist_click": ""}]


def test_a_new_cart_gets_the_code_of_the_cookie(shop: Shop, rae: Person) -> None:
    shop.tag = "async data-shopify data-consent=given"
    shop.open(f"/?ref={rae.code}")
    shop.open("/")

    assert [cart["dist_ref"] for cart in shop.carts_sent(2)] == [rae.code, rae.code]


def test_a_cart_that_does_not_answer_does_no_harm(shop: Shop, rae: Person) -> None:
    shop.context.route("**/cart/update.js", lambda route: route.abort())
    shop.tag = "async data-shopify data-consent=given"

    shop.open(f"/?ref={rae.code}")
    shop.page.wait_for_load_state("networkidle")

    assert cookie(shop)["value"] == ".".join(shop.known)


def test_fields_below_the_script_are_filled_when_they_are_there(shop: Shop, rae: Person) -> None:
    shop.tag = "data-consent=given"
    shop.open(f"/?ref={rae.code}")

    shop.open("/cart")

    assert shop.fields == [*shop.known, "mine"]


def test_a_page_without_the_api_goes_on(shop: Shop, rae: Person) -> None:
    shop.tag = 'async data-consent=given data-api="http://127.0.0.1:9"'

    shop.open(f"/?ref={rae.code}")

    assert (shop.known, shop.fields, shop.cookies) == (["", ""], ["", "", "mine"], [])


def test_a_page_without_the_script_goes_on(shop: Shop, rae: Person) -> None:
    shop.tags, shop.before = 0, CONSENT_FIRST

    shop.page.goto(f"{shop.site}/?ref={rae.code}")

    assert shop.page.evaluate("fenrun.length") == 1
    assert shop.fields == ["", "", "mine"]


def test_what_makes_no_sense_does_no_harm(shop: Shop, rae: Person) -> None:
    shop.before = "window.fenrun = [['nonsense', 1], 7, null, ['fill', 7], ['ready', f => { window.told = f.code }]]"
    shop.open(f"/?ref={rae.code}&ref=&click_id=%3Cscript%3E")

    shop.page.evaluate("fenrun.push(['nonsense']); fenrun.push()")

    assert shop.page.evaluate("window.told") == rae.code == shop.fields[0]


def test_a_field_that_comes_later_is_filled_on_request(shop: Shop, rae: Person) -> None:
    shop.open(f"/?ref={rae.code}")

    filled = shop.page.evaluate(
        """() => { const form = document.createElement('form')
        form.innerHTML = '<input name=dist_ref><input name=dist_click>'; fenrun.fill(form)
        return [...form.elements].map(field => field.value) }"""
    )

    assert filled == shop.known


def test_two_tags_are_one_visit(shop: Shop, rae: Person) -> None:
    shop.tags = 2

    shop.open(f"/?ref={rae.code}")
    shop.page.wait_for_load_state("networkidle")

    assert len(shop.clicks) == 1


def test_a_shop_without_tls_and_a_domain_for_all_its_hosts(browser: Browser, stack: Stack, rae: Person) -> None:
    shop = Shop(browser, stack.base_url, "http://www.shop.example")
    shop.tag = "async data-consent=given data-domain=shop.example"

    shop.open(f"/?ref={rae.code}")

    assert (cookie(shop)["domain"], cookie(shop)["secure"]) == (".shop.example", False)
    shop.consent(False)
    assert (shop.cookies, shop.errors) == ([], [])
    shop.context.close()


@pytest.mark.parametrize("guide", ["script.md", "script.zh-CN.md"])
def test_the_guides_script_for_stripe_puts_the_code_into_its_links(shop: Shop, rae: Person, guide: str) -> None:
    shop.before = snippet(guide, "buy.stripe.com")

    shop.open(f"/?ref={rae.code}")

    link = shop.page.evaluate("document.links[0].href")
    assert link == f"https://buy.stripe.com/tea?locale=en&client_reference_id={rae.code}"


@pytest.mark.parametrize("guide", ["script.md", "script.zh-CN.md"])
def test_the_guides_script_for_shopify_hands_the_decision_over(shop: Shop, rae: Person, guide: str) -> None:
    shop.before, shop.tag = SHOPIFY + snippet(guide, "customerPrivacy"), "async data-shopify"
    shop.open(f"/?ref={rae.code}")
    assert (shop.cookies, shop.carts) == ([], [])

    decided = "document.dispatchEvent(new CustomEvent('visitorConsentCollected', {detail: {marketingAllowed: true}}))"
    shop.page.evaluate(decided)

    assert [cart["dist_ref"] for cart in shop.carts_sent(1)] == [rae.code]
    assert cookie(shop)["value"] == ".".join(shop.known)

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.stack import Stack
from tests.browser.shop import Shop, chromium
from tests.cloud.shop import Person, join


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Chrome asks before a page of the internet may reach this machine, where the API under test is.
    flags = ["--disable-features=LocalNetworkAccessChecks"]
    path = chromium()  # first: Playwright runs once at a time
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def shop(browser: Browser, stack: Stack) -> Iterator[Shop]:
    """Whatever happens to the script, the page sees no error and no cookie but its own."""
    shop = Shop(browser, stack.base_url)
    yield shop
    assert shop.errors == []
    assert {(each["name"], each["domain"]) for each in shop.cookies} <= {("dist_ref", "shop.example")}
    assert shop.page.evaluate("localStorage.length + sessionStorage.length") == 0
    shop.context.close()


@pytest.fixture(scope="module")
def rae(browser: Browser, stack: Stack) -> Person:
    return join(stack.base_url, "Rae")


@pytest.fixture(scope="module")
def sun(browser: Browser, stack: Stack) -> Person:
    return join(stack.base_url, "Sun")

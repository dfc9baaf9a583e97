"""A shop whose pages carry the script of the deployed API, and the Chromium to look at them with."""

from __future__ import annotations

import json
import shutil
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PAGE = """<!doctype html><title>Tea</title>
<script>{before}</script>
{scripts}
<form><input type=hidden name=dist_ref><input type=hidden name=dist_click><input name=note value=mine></form>
<a href="https://buy.stripe.com/tea?locale=en">Pay</a>
"""


@cache
def chromium() -> str | None:
    """Playwright's own Chromium, or else one of the system's."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else next(filter(None, map(shutil.which, INSTALLED)), None)


class Shop:
    """One visitor's browser at a shop whose pages all look alike. Its host exists in this browser only."""

    def __init__(self, browser: Browser, api: str, site: str = "https://shop.example") -> None:
        self.api, self.site = api, site
        self.carts: list[Any] = []
        self.clicks: list[Request] = []
        self.errors: list[str] = []
        self.context = browser.new_context()
        self.context.route(f"{site}/**", self._answer)
        self.context.on("request", self._note)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tag, self.before, self.tags = "async", "", 1

    def open(self, path: str, **how: Any) -> Page:
        """Goes to a page and waits until the script has done what it does by itself."""
        self.page.goto(self.site + path, **how)
        self.page.wait_for_function("!!window.fenrun && !!fenrun.ready")
        self.page.evaluate("fenrun.ready(() => { window.settled = true })")
        self.page.wait_for_function("window.settled === true")
        return self.page

    @property
    def known(self) -> list[str]:
        return list(self.page.evaluate("[fenrun.code, fenrun.click]"))

    @property
    def fields(self) -> list[str]:
        return list(self.page.evaluate("[...document.forms[0].elements].map(field => field.value)"))

    @property
    def cookies(self) -> list[Any]:
        return list(self.context.cookies())

    def consent(self, given: bool) -> None:
        self.page.evaluate(f"fenrun.consent({json.dumps(given)})")

    def carts_sent(self, count: int) -> list[Any]:
        """The attributes that the cart was given, once there are so many."""
        deadline = time.monotonic() + 15
        while len(self.carts) < count and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return [cart["attributes"] for cart in self.carts]

    def _answer(self, route: Route) -> None:
        if urlsplit(route.request.url).path == "/cart/update.js":
            self.carts.append(route.request.post_data_json)
            route.fulfill(json={})
            return
        scripts = f'<script src="{self.api}/dist.js" {self.tag}></script>' * self.tags
        route.fulfill(content_type="text/html", body=PAGE.format(before=self.before, scripts=scripts))

    def _note(self, request: Request) -> None:
        if request.url.endswith("/v1/clicks"):
            self.clicks.append(request)

"""A distributor's link leads to the shop, with what the storefront needs to credit them."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cloud.shop import Http, Person


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("page", ["", "?to=https://shop.example/tea%3Fcolour=green%23pots"])
def test_a_link_names_the_code_and_the_click(key: Http, recruit: Person, page: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as redirect:
        urllib.request.build_opener(_Stay).open(f"{key.base}/r/{recruit.code}{page}", timeout=60)

    location = urlsplit(redirect.value.headers["Location"])
    query = parse_qs(location.query)
    assert redirect.value.code == 302 and location.netloc == "shop.example"
    assert query["ref"] == [recruit.code] and len(query["click_id"][0]) == 20
    assert (location.fragment == "pots") is bool(page) is ("colour" in query)

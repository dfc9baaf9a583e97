"""Requests and payloads as nobody sends them: genuine ones with something altered, and rubbish."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

_HUGE = "a number of 5000 digits"
_DEEP: Any = []
for _ in range(60):
    _DEEP = [_DEEP]

NUMBERS = [0, -0.0, 1, -1, 7, 1.5, 10**15, 10**15 + 1, -(10**15), 2**63, 10**30, -(10**30), 0.1 + 0.2, 1e-300, 1e308]
NUMBERS += [float("nan"), float("inf"), float("-inf"), 946_684_800, 4_133_980_800, -62_135_596_801]
AMOUNTS = [
    "0.00",
    "-1.00",
    "0.001",
    "1.005",
    "12.34",
    "1e3",
    "1E+400",
    "1E-400",
    "1E+9999999999",
    "NaN",
    "sNaN",
    "-Infinity",
]
AMOUNTS += ["9" * 40, "9" * 5000, "1." + "0" * 40 + "1", " 12 ", "1_0", "+5", "٣", "0x10", "1,50"]
TEXTS = [
    "",
    " ",
    "\x00",
    "\n",
    "中文",
    "😀",
    "\u200b",
    "é",
    "\ud800",
    "ſ",
    "a" * 65,
    "a" * 129,
    "a" * 3000,
    "null",
    "true",
    "x" * 64,
]
TEXTS += [
    "USD",
    "usd",
    "uſd",
    "JPY",
    "KWD",
    "CLP",
    "XXX",
    "?a=b&c",
    "a=b" * 50,
    "&" * 200,
    "%ff%00",
    "{}",
    "[",
    "a:b",
    "dist_ref=ANNA",
]
TIMES = [
    "2026-03-01T08:00:00Z",
    "2026-03-01 08:00:00",
    "2026-03-01",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
]
TIMES += ["2026-02-30T00:00:00Z", "2026-03-01T08:00:00+08:00", "2100-12-31T23:59:59-12:00", "20260301T080000", "later"]
SHAPES = [
    None,
    True,
    False,
    [],
    {},
    [None],
    [[]],
    [{}],
    [1, "a", None],
    {"": ""},
    {"value": None},
    {"id": []},
    _DEEP,
    _HUGE,
]

_AMOUNT, _TIME = re.compile(r"-?[0-9]+(\.[0-9]+)?"), re.compile(r"20[0-9]{2}-[0-9]{2}-")
_WAYS = st.sampled_from(["alike"] * 6 + ["drop", "drop", "replace", "random", "swap", "wrap", "rename"])

hostile = st.sampled_from([*NUMBERS, *AMOUNTS, *TEXTS, *TIMES, *SHAPES])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | hostile
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4))
words = st.sampled_from([str(each) for each in (*AMOUNTS, *TEXTS, *TIMES)]) | st.text(max_size=30)
headers = words | st.sampled_from(
    ["\udcff", "x" * 10**6, "t=1,v1=a", "v1,", "=" * 100, "A" * 44, "application/json", "'\"<"]
)


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as the container and the key that stands for it."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        container = pending.pop()
        if not isinstance(container, dict | list):
            continue
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            found.append((container, key))
            pending.append(container[key])
    return found


def alike(old: Any) -> st.SearchStrategy[Any]:
    """Other values of the same kind: of amounts amounts, of times times."""
    if isinstance(old, bool):
        return st.just(not old)
    if isinstance(old, int):
        return st.sampled_from([-old, old + 1, old * 100, *(each for each in NUMBERS if isinstance(each, int))])
    if isinstance(old, str) and _AMOUNT.fullmatch(old):
        return st.sampled_from([f"-{old}", old + "0", f"1{old}", *AMOUNTS])
    if isinstance(old, str) and _TIME.match(old):
        return st.sampled_from(TIMES)
    if isinstance(old, str):
        return st.sampled_from([old.upper(), old + old, *TEXTS])
    if isinstance(old, list):
        return st.sampled_from([[], old * 2, old[::-1], old[1:], [*old, *deepcopy(old)]])
    return hostile


@st.composite
def mutated(draw: st.DrawFn, genuine: Any) -> Any:
    """The JSON value with one to three places replaced (mostly by something alike), dropped, swapped, wrapped or renamed."""
    value = deepcopy(genuine)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        spots = _spots(value)
        if not spots:
            return value
        container, key = draw(st.sampled_from(spots))
        old, how = container[key], draw(_WAYS)
        if how == "drop":
            container.pop(key)
        elif how == "swap":
            other, name = draw(st.sampled_from(spots))
            container[key] = deepcopy(other[name])
        elif how == "wrap":
            container[key] = [old]
        elif how == "rename" and isinstance(container, dict):
            container[draw(words)] = container.pop(key)
        elif how == "alike":
            container[key] = deepcopy(draw(alike(old)))
        else:
            container[key] = deepcopy(draw(values if how == "random" else hostile))
    return value


def as_json(value: Any, escaped: bool = True) -> bytes:
    text = json.dumps(value, ensure_ascii=escaped)
    return text.replace(json.dumps(_HUGE), "9" * 5000).encode("utf-8", "surrogatepass")


def as_form(value: Any) -> bytes:
    """A JSON object as a form; anything else as the one field `""`."""
    fields = value if isinstance(value, dict) else {"": value}
    texts = {str(name): each if isinstance(each, str) else json.dumps(each) for name, each in fields.items()}
    return urlencode(texts, encoding="utf-8", errors="surrogatepass").encode()


@st.composite
def contents(draw: st.DrawFn, genuine: Any, form: bool = False) -> bytes:
    """Bodies: mostly the genuine value altered; else anything that is JSON (or a form), and what is neither."""
    written = as_form if form else as_json
    how = draw(st.sampled_from(["altered"] * 8 + ["broken", "values", "bytes"]))
    if how == "values":
        return written(draw(values))
    if how == "bytes":
        return draw(st.binary(max_size=100))
    body = written(draw(mutated(genuine)))
    return draw(broken(body)) if how == "broken" else body


@st.composite
def broken(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes with a few of them changed, dropped, repeated or added."""
    at = draw(st.integers(0, len(body)))
    to = min(len(body), at + draw(st.integers(0, 12)))
    how = draw(st.sampled_from(["flip", "flip", "insert", "cut", "repeat", "end", "space", "deep", "field", "null"]))
    if how == "flip" and at < len(body):
        return body[:at] + bytes([body[at] ^ (1 << draw(st.integers(0, 7)))]) + body[at + 1 :]
    if how == "cut":
        return body[:at] + body[to:]
    if how == "repeat":
        return body[:to] + body[at:]
    if how == "end":
        return body[:at]
    if how == "space":
        return draw(st.sampled_from([b" " + body, body + b"\n", b"\xef\xbb\xbf" + body, body.replace(b":", b": ", 1)]))
    if how == "deep":
        return body[:at] + b"[" * draw(st.sampled_from([10, 600, 20_000])) + body[to:]
    if how == "field":
        return draw(
            st.sampled_from([body + b"&amount=1", body + b"&", b"a=1&" + body, body.replace(b"{", b'{"id":"1",', 1)])
        )
    if how == "null":
        return b""
    return body[:at] + draw(st.binary(min_size=1, max_size=8)) + body[at:]


@st.composite
def altered_headers(draw: st.DrawFn, genuine: dict[str, str]) -> dict[str, str]:
    """The headers with one or two of them dropped, altered, swapped or replaced."""
    given = dict(genuine)
    for _ in range(draw(st.integers(1, 2))):
        if not given:
            return given
        name = draw(st.sampled_from(sorted(given)))
        value, how = given[name], draw(st.sampled_from(["drop", "replace", "character", "longer", "case", "swap"]))
        if how == "drop":
            given.pop(name)
        elif how == "replace":
            given[name] = draw(headers)
        elif how == "character" and value:
            at = draw(st.integers(0, len(value) - 1))
            given[name] = value[:at] + draw(st.characters()) + value[at + 1 :]
        elif how == "longer":
            given[name] = draw(
                st.sampled_from([value + " ", " " + value, value * 2, value + "," + value, value + "\ud800"])
            )
        elif how == "case":
            given[name] = value.swapcase()
        else:
            other = draw(st.sampled_from(sorted(given)))
            given[name], given[other] = given[other], value
    return given


@st.composite
def requests(draw: st.DrawFn, headers: dict[str, str], body: bytes, form: bool) -> tuple[dict[str, str], bytes]:
    """The signed request with its headers, its body or both altered after it was signed."""
    what = draw(st.sampled_from(["headers", "body", "body", "both"]))
    if what != "body":
        headers = draw(altered_headers(headers))
    if what != "headers":
        how = draw(st.sampled_from(["bytes", "bytes", "structure", "rubbish"]))
        if how == "structure" and not form:
            body = as_json(draw(mutated(json.loads(body))), draw(st.booleans()))
        elif how == "rubbish":
            body = draw(st.binary(max_size=60) | values.map(as_form if form else as_json))
        else:
            body = draw(broken(body))
    return headers, body

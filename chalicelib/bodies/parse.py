"""Bytes become a typed request, or a refusal that names the field. Nothing is guessed, converted or rounded."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any, TypeVar

import msgspec

from chalicelib.bodies.fields import PATTERN_CODES
from chalicelib.domain.errors import Fault, Malformed, Refused, TooLarge, UnsupportedMedia

Parsed = TypeVar("Parsed")

MAX_BODY = 1_000_000
_MISMATCH = re.compile(r"^Expected `(?P<expected>.+?)`, got `(?P<got>.+)`$")
_FIELD = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<field>.*)`$", re.DOTALL)
_BOUND = re.compile(r"^Expected `.+?` (?P<length>of length )?(?P<bound>[<>]=? .+)$")
_PATTERN = re.compile(r"^Expected `str` matching regex '(?P<pattern>.*)'$", re.DOTALL)
_ENUM = re.compile(r"^Invalid (?:enum )?value (?P<value>.*)$", re.DOTALL)


def parse(raw: bytes, content_type: str | None, wanted: type[Parsed]) -> Parsed:
    """The body as `wanted`. Refuses what is too large, not JSON, has unknown, missing, repeated or unfitting fields."""
    if len(raw) > MAX_BODY:
        raise TooLarge("BODY_TOO_LARGE", limit=MAX_BODY)
    if not raw.strip():
        raise Malformed("BODY_MISSING")
    if (content_type or "application/json").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia("BODY_TYPE")
    try:
        parsed = msgspec.json.decode(raw, type=wanted)
        _refuse_repeated_fields(raw)
    except msgspec.ValidationError as error:
        raise _below_floor(raw, wanted) or refusal(fault_of(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("BODY_NOT_JSON") from None
    _refuse_distant_times(parsed, "")
    return parsed


def parse_query(given: dict[str, list[str]], wanted: type[Parsed] | None) -> Parsed | None:
    """The query parameters as `wanted`; every one at most once, none unknown."""
    for name, values in given.items():
        if len(values) > 1:
            raise refusal(Fault(_shown(name), "REPEATED_PARAMETER", {"field": _shown(name)}))
    if wanted is None:
        for name in given:
            raise refusal(Fault(_shown(name), "UNKNOWN_PARAMETER", {"field": _shown(name)}))
        return None
    try:
        parsed = msgspec.convert({name: values[0] for name, values in given.items()}, wanted, strict=False)
    except msgspec.ValidationError as error:
        fault = fault_of(str(error))
        code = "UNKNOWN_PARAMETER" if fault.code == "UNKNOWN_FIELD" else fault.code
        raise refusal(Fault(fault.path, code, fault.params)) from None
    _refuse_distant_times(parsed, "")
    return parsed


def refusal(fault: Fault) -> Malformed:
    """A request refused for one fault, whose code is also the whole's."""
    return Malformed(fault.code, fault, **fault.params)


def _below_floor(raw: bytes, wanted: Any) -> Refused | None:
    """A body that does not fit, refused by the principle that it would break; None if it breaks none.

    `FLOOR` of a body's type looks for that. Only what does not fit is looked at: no field that fits goes below the floor.
    """
    looks = getattr(wanted, "FLOOR", None)
    try:
        faults = looks(json.loads(raw)) if looks else ()
    except (ValueError, RecursionError):
        return None
    return Refused(faults[0].code, *faults, **faults[0].params) if faults else None


def fault_of(message: str) -> Fault:
    """msgspec's sentence as a place, a code and its figures."""
    # The last one: a field's name is the caller's, and may itself look like a place.
    what, _, place = (
        message.rpartition(" - at `") if message.endswith("`") and " - at `" in message else (message, "", "")
    )
    path = place.removeprefix("key` in `").removesuffix("`").removeprefix("$").removeprefix(".")
    if field := _FIELD.match(what):
        name = _shown(field["field"])
        code = "MISSING_FIELD" if field["what"] == "missing required" else "UNKNOWN_FIELD"
        return Fault(f"{path}.{name}" if path else name, code, {"field": name})
    if mismatch := _MISMATCH.match(what):
        expected, got = mismatch["expected"], mismatch["got"]
        if got == "float" and "int" in expected:
            return Fault(path, "NOT_INTEGER")
        return Fault(path, "WRONG_TYPE", {"expected": expected, "got": got})
    if bound := _BOUND.match(what):
        return Fault(path, "BAD_LENGTH" if bound["length"] else "OUT_OF_RANGE", {"bound": bound["bound"]})
    if pattern := _PATTERN.match(what):
        # msgspec writes the pattern as Python's repr would.
        text = pattern["pattern"].replace("\\\\", "\\")
        return Fault(path, PATTERN_CODES.get(text, "BAD_FORMAT"))
    if enum := _ENUM.match(what):
        return Fault(path, "NOT_ALLOWED", {"value": _shown(enum["value"])})
    if "datetime" in what or "RFC3339" in what:
        return Fault(path, "BAD_TIME")
    if what == "Number out of range":
        return Fault(path, "NOT_INTEGER")
    return Fault(path, "INVALID")


def _shown(text: str) -> str:
    """A caller's word, short and harmless enough to repeat to him."""
    return "".join(c if c.isprintable() else "�" for c in text[:80])


def _refuse_repeated_fields(raw: bytes) -> None:
    """JSON leaves open which of two equal keys counts: signer, proxy and we could each read another amount."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise refusal(Fault(_shown(name), "DUPLICATE_FIELD", {"field": _shown(name)}))
            seen.add(name)

    json.loads(raw, object_pairs_hook=once, parse_int=len, parse_float=len)


def _refuse_distant_times(value: Any, path: str) -> None:
    if isinstance(value, date):  # a datetime is one, too
        if not 2000 <= value.year <= 2100:
            raise refusal(Fault(path, "BAD_TIME"))
    elif isinstance(value, msgspec.Struct):
        for name, field in zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True):
            _refuse_distant_times(getattr(value, field), f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _refuse_distant_times(each, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse_distant_times(each, f"{path}.{_shown(str(name))}")

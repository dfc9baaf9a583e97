"""What a deployment holds, in a form that two runs of the same events have in common.

Times become hours after `START`, because somebody who had to try again did it some minutes later. What was drawn at random
becomes the places where it stands: an id that is used in two items has to be used in the same two items.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any

from ministack.services import dynamodb, s3, secretsmanager, sqs

from chalicelib.store.items import from_item
from tests.faults.world import BUCKET, DISCARDED, START, World

_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_SECONDS = re.compile(r"(?<![\w.])1[78]\d{8}(?![\w.])")
_DRAWN = re.compile(
    r"\$argon2id\$[\w$=,+/]+"  # a password
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"  # a session token
    r"|\b1\.[\w=-]{40,}"  # sealed
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|(?<![0-9a-zA-Z])[0-9a-f]{32,64}(?![0-9a-zA-Z])"
    r"|\bd_[a-z2-9]{16}\b|\bperson-[0-9a-f]{16}\b|\bfk_[\w-]{43}"
    r"|(?<=\")[\w-]{20}(?=\")|(?<=#)[\w-]{20}(?=\")|(?<=\.)[\w-]{43}\b"
    r"|(?<=\")[A-Z2-9]{8}(?=\")|(?<=claim#code#)[A-Z2-9]{8}"
    r"|\btr_[0-9a-f]{24}\b"  # Stripe numbers its transfers
    r"|(?<=\"digest\": \")[0-9a-f]{16}"  # of an entry with its times
)
_SHARD = re.compile(r'("day_shard": "[\d-]+)#\d')

Item = dict[str, Any]


def items(world: World) -> Iterator[tuple[str, Item]]:
    """Every item of every table, every file, secret and waiting message, and what was paid and answered; by place."""
    for name, table in dynamodb._tables.items():
        for rows in table["items"].values():
            for row in rows.values():
                # `trace` says who did it last: a request, or the run that did what it left undone.
                yield name, {key: _plain(value) for key, value in _unpacked(row).items() if key != "trace"}
    for bucket in (BUCKET, DISCARDED):
        for path, stored in s3._buckets[bucket]["objects"].items():
            yield "file", {"path": path, "contents": _text(stored["body"])}
    for name, secret in secretsmanager._secrets.items():
        version = next(each for each in secret["Versions"].values() if "AWSCURRENT" in each["Stages"])
        yield "secret", {"name": name, "value": version.get("SecretString")}
    for url, queue in sqs._queues.items():
        for message in queue["messages"]:
            yield "message", {"queue": url, "body": message["body"]}
    for payee, amount in world.providers.paid():
        yield "transfer", {"payee": payee, "amount": amount}
    for answer in world.answers:
        yield "answer", {"answer": answer}
    for event in world.started:
        yield "start", {"event": event.decode()}


def _unpacked(row: Item) -> Item:
    return from_item({name: {"S": _text(b64decode(a["B"]))} if "B" in a else a for name, a in row.items()})


def _text(raw: bytes) -> str:
    with suppress(zlib.error):
        raw = zlib.decompress(raw)
    return raw.decode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def canonical(found: Iterable[tuple[str, Item]], view: Callable[[str, Item], Item | None]) -> list[str]:
    """The items as lines of text that two runs have in common, in order. `view` says what of an item counts."""
    lines = []
    for place, item in found:
        if (seen := view(place, item)) is not None:
            text = f"{place} {json.dumps(seen, sort_keys=True, ensure_ascii=False)}".replace('\\"', '"')
            lines.append(_SHARD.sub(r"\1", _SECONDS.sub(_hours_of_seconds, _TIME.sub(_hours, text))))
    places: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        bare = _DRAWN.sub("*", line)
        for i, drawn in enumerate(_DRAWN.findall(line)):
            places[drawn].append(f"{i} {bare}")
    names = {each: f"<{sha256(repr(sorted(where)).encode()).hexdigest()[:6]}>" for each, where in places.items()}
    return sorted(_DRAWN.sub(lambda found: names[found[0]], line) for line in lines)


def _hours(found: re.Match[str]) -> str:
    at = datetime.fromisoformat(found[0])
    return found[0] if at < START else f"<{int((at - START).total_seconds()) // 3600} h>"


def _hours_of_seconds(found: re.Match[str]) -> str:
    past = int(found[0]) - int(START.timestamp())
    return found[0] if past < 0 else f"<{past // 3600} h>"

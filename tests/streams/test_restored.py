"""An order that a restore brings is in the books already; what happens to it afterwards is posted as ever."""

from __future__ import annotations

from typing import Any

import pytest

from local.copies import RESTORED
from tests.streams.events import change
from tests.streams.test_commissions import changes, held, life, run

pytestmark = pytest.mark.usefixtures("cloud_tables")


def restored(record: dict[str, Any], image: str) -> dict[str, Any]:
    """The same record, of an order that says it was restored."""
    body = record["dynamodb"]
    return record | {"dynamodb": body | {image: body[image] | {RESTORED: {"S": "2026-04-01T00:00:00+00:00"}}}}


def test_what_a_restore_brings_is_not_posted_and_what_comes_after_it_is() -> None:
    first, second, third = life("o-1", 2_000, 3_000)
    assert run(changes([first, second])) == []
    assert held() == (800, 240)

    assert run([restored(change(7, None, second), "NewImage")]) == []
    assert held() == (800, 240)

    assert run([restored(restored(change(8, second, third), "NewImage"), "OldImage")]) == []
    assert held() == (500, 150)

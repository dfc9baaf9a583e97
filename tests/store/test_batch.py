"""Several items of several tables in one round trip, however the answer is cut."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings
from chalicelib.store import batch, dynamo, transactions
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item

pytestmark = pytest.mark.usefixtures("cloud_tables")


def test_items_of_several_tables_come_by_their_refs() -> None:
    send("put_item", TableName=settings().customers_table, Item=to_item({"id": "c-1", "owner": "d"}))
    send("put_item", TableName=settings().settings_table, Item=to_item({"kind": "plan", "id": "x", "n": 3}))
    customer = ref(settings().customers_table, id="c-1")
    setting = ref(settings().settings_table, kind="plan", id="x")
    nothing = ref(settings().customers_table, id="c-2")

    found = read(customer, setting, nothing, customer)

    assert found == {customer: {"id": "c-1", "owner": "d"}, setting: {"kind": "plan", "id": "x", "n": 3}}


def test_nothing_wanted_is_no_request(requests_sent: Any) -> None:
    requests = requests_sent()

    assert read() == {}
    assert requests == []


def only_first(operation: str, **arguments: Any) -> dict[str, Any]:
    """DynamoDB under load: of each table one key is answered, the others are not processed."""
    wanted = arguments["RequestItems"]
    first = {table: {**asked, "Keys": asked["Keys"][:1]} for table, asked in wanted.items()}
    answer = dynamo.send(operation, RequestItems=first)
    left = {t: {"Keys": a["Keys"][1:], "ConsistentRead": True} for t, a in wanted.items() if a["Keys"][1:]}
    return {**answer, "UnprocessedKeys": left}


def test_what_was_not_processed_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refs = [ref(settings().customers_table, id=f"c-{i}") for i in range(4)]
    refs.append(ref(settings().settings_table, kind="plan", id="x"))
    for each in refs:
        send("put_item", TableName=each.table, Item=to_item(dict(each.key)))
    monkeypatch.setattr(batch, "send", only_first)

    assert read(*refs).keys() == set(refs)


def test_what_stays_unprocessed_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str, **arguments: Any) -> dict[str, Any]:
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

    monkeypatch.setattr(batch, "send", nothing)
    transactions.deadline.set(time.monotonic() + 0.1)

    with pytest.raises(Busy):
        read(ref(settings().customers_table, id="c-1"))

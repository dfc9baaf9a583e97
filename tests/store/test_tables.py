"""The models say of the tables what the template makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.store import tables
from chalicelib.store.connection import Table
from tests.tables import resources

MODELS: dict[str, type[Table]] = {
    "DistributorsTable": tables.DistributorItem,
    "CustomersTable": tables.CustomerItem,
    "OrdersTable": tables.OrderItem,
    "LedgerTable": tables.LedgerItem,
    "PayoutsTable": tables.PayoutItem,
    "SettingsTable": tables.SettingItem,
    "AuditTable": tables.AuditItem,
}


def keys_of(schema: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(key["AttributeName"], key["KeyType"]) for key in schema}


def projected(projection: dict[str, Any]) -> tuple[str, set[str]]:
    return projection["ProjectionType"], set(projection.get("NonKeyAttributes") or ())


@pytest.mark.parametrize("logical_id", MODELS)
def test_keys_and_indexes_are_those_of_the_template(logical_id: str) -> None:
    wanted = resources()[logical_id]["Properties"]
    model = MODELS[logical_id]._get_schema()

    assert keys_of(model["key_schema"]) == keys_of(wanted["KeySchema"])
    assert {
        index["index_name"]: (keys_of(index["key_schema"]), projected(index["projection"]))
        for index in model["global_secondary_indexes"]
    } == {
        index["IndexName"]: (keys_of(index["KeySchema"]), projected(index["Projection"]))
        for index in wanted.get("GlobalSecondaryIndexes", [])
    }

"""The tables: what an item holds. Keys and indexes are those of `.chalice/resources.yaml`."""

from __future__ import annotations

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.store.connection import Table, TableName


class BySponsor(GlobalSecondaryIndex["DistributorItem"]):
    class Meta:
        index_name = "by_sponsor"
        projection = IncludeProjection(["name", "code", "status", "currencies"])

    sponsor_id = UnicodeAttribute(hash_key=True)
    joined_at = UnicodeAttribute(range_key=True)


class DistributorItem(Table):
    """A distributor, or (id `claim#<kind>#<value>`) the claim that makes a code, e-mail or phone unique: a claim holds
    `owner`, and for a code the owner's `sponsor_id`."""

    class Meta:
        table_name = TableName("distributors_table")

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute(null=True)
    code = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    phone = UnicodeAttribute(null=True)
    password_hash = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    sponsor_id = UnicodeAttribute(null=True)
    locale = UnicodeAttribute(null=True)
    country = UnicodeAttribute(null=True)
    joined_at = UnicodeAttribute(null=True)
    currencies = UnicodeSetAttribute(null=True)
    payout_methods = JSONAttribute(null=True)
    method_changes = UnicodeAttribute(null=True)
    tin_on_file = BooleanAttribute(null=True)
    first_month = UnicodeAttribute(null=True)

    by_sponsor = BySponsor()


class NextDue(GlobalSecondaryIndex["CustomerItem"]):
    class Meta:
        index_name = "next_due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    next_due = UnicodeAttribute(range_key=True)


class CustomerItem(Table):
    """A customer: every claim on them (append-only, JSON each), their clicks, the distributor whose own id it is, and what
    they owe (`store/credit.py`)."""

    class Meta:
        table_name = TableName("customers_table")

    id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute(null=True)
    claims = UnicodeSetAttribute(null=True)
    clicks = UnicodeSetAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    next_due = UnicodeAttribute(null=True)

    next_due_index = NextDue()


class ByDistributor(GlobalSecondaryIndex["OrderItem"]):
    class Meta:
        index_name = "by_distributor"
        projection = KeysOnlyProjection()

    distributor_id = UnicodeAttribute(hash_key=True)
    placed_at = UnicodeAttribute(range_key=True)


class OpenDirect(GlobalSecondaryIndex["OrderItem"]):
    class Meta:
        index_name = "open_direct"
        projection = IncludeProjection(["currency", "estimate_direct"])

    open_direct = UnicodeAttribute(hash_key=True)
    placed_at = UnicodeAttribute(range_key=True)


class OpenIndirect(GlobalSecondaryIndex["OrderItem"]):
    class Meta:
        index_name = "open_indirect"
        projection = IncludeProjection(["currency", "estimate_indirect"])

    open_indirect = UnicodeAttribute(hash_key=True)
    placed_at = UnicodeAttribute(range_key=True)


class OrderItem(Table):
    """An order: `image` is the JSON of `domain.orders.Order`; beside it what indexes need. `open_*` name the distributor
    to whom something is still to come, only as long as it is; `trace` is the correlation id of what led to this revision."""

    class Meta:
        table_name = TableName("orders_table")

    id = UnicodeAttribute(hash_key=True)
    image = UnicodeAttribute()
    revision = NumberAttribute()
    currency = UnicodeAttribute()
    distributor_id = UnicodeAttribute(null=True)
    placed_at = UnicodeAttribute(null=True)
    open_direct = UnicodeAttribute(null=True)
    open_indirect = UnicodeAttribute(null=True)
    estimate_direct = NumberAttribute(null=True)
    estimate_indirect = NumberAttribute(null=True)
    trace = UnicodeAttribute(null=True)

    by_distributor = ByDistributor()
    open_direct_index = OpenDirect()
    open_indirect_index = OpenIndirect()


class Due(GlobalSecondaryIndex["LedgerItem"]):
    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due = UnicodeAttribute(range_key=True)


class LedgerItem(Table):
    """`ENTRY#…`, `DAY#…` and `BALANCE` items of an account; see `store/ledger.py` for what each holds."""

    class Meta:
        table_name = TableName("ledger_table")

    account = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)
    due_shard = UnicodeAttribute(null=True)
    due = UnicodeAttribute(null=True)

    due_index = Due()


class PayoutsOf(GlobalSecondaryIndex["PayoutItem"]):
    class Meta:
        index_name = "by_distributor"
        projection = KeysOnlyProjection()

    distributor_id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class Unfinished(GlobalSecondaryIndex["PayoutItem"]):
    class Meta:
        index_name = "unfinished"
        projection = KeysOnlyProjection()

    open_shard = UnicodeAttribute(hash_key=True)
    open_at = UnicodeAttribute(range_key=True)


class PayoutItem(Table):
    """A payout: amounts in minor units; `history` is the list of its steps; `open_*` only while it is unfinished. Or (id
    `tax#…`) the running totals of what a payee was paid, see `store/tax_years.py`."""

    class Meta:
        table_name = TableName("payouts_table")

    id = UnicodeAttribute(hash_key=True)
    distributor_id = UnicodeAttribute()
    created_at = UnicodeAttribute()
    currency = UnicodeAttribute()
    gross = NumberAttribute()
    fee = NumberAttribute()
    tax = NumberAttribute()
    rail = UnicodeAttribute()
    method = JSONAttribute()
    state = UnicodeAttribute()
    attempts = NumberAttribute(default=0)
    history = JSONAttribute()
    requested_by = UnicodeAttribute()
    run_id = UnicodeAttribute(null=True)
    file = UnicodeAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    tax_month = UnicodeAttribute(null=True)
    connection_id = UnicodeAttribute(null=True)
    key = UnicodeAttribute(null=True)
    sent = UnicodeAttribute(null=True)
    open_shard = UnicodeAttribute(null=True)
    open_at = UnicodeAttribute(null=True)

    by_distributor = PayoutsOf()
    unfinished = Unfinished()


class SettingItem(Table):
    """Plan versions, API keys, people, payout runs: `body` is JSON of the kind's own shape."""

    class Meta:
        table_name = TableName("settings_table")

    kind = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    body = JSONAttribute(null=True)


class AuditItem(Table):
    """Who did what to what. Append only; day and shard spread the writes."""

    class Meta:
        table_name = TableName("audit_table")

    day_shard = UnicodeAttribute(hash_key=True)
    at_id = UnicodeAttribute(range_key=True)
    who = UnicodeAttribute()
    action = UnicodeAttribute()
    object = UnicodeAttribute()
    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute(null=True)

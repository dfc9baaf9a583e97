"""`make restore STAGE=… FROM=folder`: a copy becomes the content of a stage that is new and empty."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import secret_copies
from local.account import Account, account_of_environment
from local.artifacts import bucket
from local.backup import TABLE, file_name, items
from local.change_sets import Say, StackState, state
from local.copies import RESTORED, Item, Manifest, counted, proved, read_items, read_manifest
from local.deploy import stack_of
from local.package import CloudError

_BATCH, _THREADS, _TRIES = 25, 8, 8
PAYING = ("Submit", "Settle")
"""What the rules are called that let money out."""


def restore(account: Account, stage: str, folder: Path, passphrase: str = "", say: Say = print) -> None:
    """Writes a copy into the stage's empty tables, bucket and secrets, and proves that the books are the copied ones.

    Until that is proved, the stage's clocks stand still and nobody has a key to its API. Those that pay (`PAYING`) stay so:
    what was paid after the copy is not in these books. What is interrupted goes on when the same copy is restored again.
    Raises CloudError if a table holds anything else, or if the books differ.
    """
    name, manifest = stack_of(stage), read_manifest(folder)
    now = state(account, name)
    if now is None:
        raise CloudError(f"there is no stack {name}: `make deploy STAGE={stage}` first")
    tables = {logical_id: physical for logical_id, (kind, physical) in now.resources.items() if kind == TABLE}
    _refuse(account, name, manifest, now, tables)
    secrets = secret_copies.of_copy(account, folder, manifest, passphrase)
    rules = {each: physical for each, (kind, physical) in now.resources.items() if kind == "AWS::Events::Rule"}
    events, note = account.client("events"), {"Bucket": bucket(account), "Key": f"restoring/{name}"}
    account.client("s3").put_object(**note, Body=_mark(manifest, tables))
    if not manifest.exact:
        say("this copy was taken while its books moved: they do not add up by themselves")
    for rule in rules.values():
        events.disable_rule(Name=rule)
    secret_copies.give(account, name, now.outputs["SecretArn"], secrets)
    _give_files(account, now.outputs["FilesBucketName"], manifest, folder)
    restored_at = datetime.now(UTC).isoformat(timespec="seconds")
    for logical_id in sorted(manifest.tables, key=lambda each: each == "SettingsTable"):  # the last: it lets people in
        written = _fill(account, tables[logical_id], _marked(logical_id, read_items(folder, logical_id), restored_at))
        say(f"  {logical_id:<20} {written} items")
    _prove(account, manifest, tables)
    for each, rule in rules.items():
        if not each.startswith(PAYING):
            events.enable_rule(Name=rule)
    account.client("s3").delete_object(**note)
    found = manifest.proof
    say(f"{name} is as {manifest.stack} was at {manifest.taken_at:%Y-%m-%dT%H:%M:%SZ}:")
    say(f"accounts={found.accounts} entries={found.entries} orders={found.orders} imbalance={found.imbalance}")
    say("people may sign in within five minutes: until then a function may hold the secret from before")
    say("nothing is paid yet: once each rail's statement since the copy is reconciled (docs/runbook.md#restore),")
    for each, rule in sorted(rules.items()):
        if each.startswith(PAYING):
            say(f"  aws events enable-rule --region {account.region} --name {rule}")


def _refuse(account: Account, name: str, manifest: Manifest, now: StackState, tables: dict[str, str]) -> None:
    unknown = sorted(manifest.tables.keys() - tables.keys())
    if unknown:
        raise CloudError(f"{name} has no {', '.join(unknown)}: the copy is of a later release")
    zone = manifest.parameters["TimeZone"]
    if now.parameters["TimeZone"] != zone:
        raise CloudError(f"the copy's days begin in {zone}: `make deploy` this stage with TIME_ZONE={zone} first")
    s3 = account.client("s3")
    try:
        begun = s3.get_object(Bucket=bucket(account), Key=f"restoring/{name}")["Body"].read()
    except s3.exceptions.NoSuchKey:
        begun = b""
    if begun == _mark(manifest, tables):
        return
    dynamodb = account.client("dynamodb")
    filled = [each for each, table in sorted(tables.items()) if dynamodb.scan(TableName=table, Limit=1)["Count"]]
    if filled:
        raise CloudError(f"{name} is in use: {', '.join(filled)} hold items. A copy goes into a new stage only")


def _mark(manifest: Manifest, tables: dict[str, str]) -> bytes:
    """Which copy is being restored, and into what: a later stage of the same name has other tables."""
    return f"{manifest.stack} {manifest.taken_at.isoformat()} {tables['SettingsTable']}".encode()


def _marked(logical_id: str, found: Iterable[Item], restored_at: str) -> Iterator[Item]:
    for item in found:
        yield {**item, RESTORED: {"S": restored_at}} if logical_id == "OrdersTable" else item


def _fill(account: Account, table: str, found: Iterable[Item]) -> int:
    dynamodb, source, written = account.client("dynamodb"), iter(found), 0

    def put(batch: list[Item]) -> int:
        waiting: dict[str, Any] = {table: [{"PutRequest": {"Item": item}} for item in batch]}
        for attempt in range(_TRIES):
            waiting = dynamodb.batch_write_item(RequestItems=waiting).get("UnprocessedItems", {})
            if not waiting:
                return len(batch)
            time.sleep(0.1 * 2**attempt)
        raise CloudError(f"{table} takes no more items now; run the same restore again and it goes on")

    with ThreadPoolExecutor(_THREADS) as threads:
        while batches := [batch for _ in range(_THREADS) if (batch := list(islice(source, _BATCH)))]:
            written += sum(threads.map(put, batches))
    return written


def _give_files(account: Account, to: str, manifest: Manifest, folder: Path) -> None:
    s3 = account.client("s3")
    for each in manifest.files:
        body = (folder / "files" / file_name(each.key)).read_bytes()
        if sha256(body).hexdigest() != each.sha256:
            raise CloudError(f"the copy of the file {each.key} is damaged")
        s3.put_object(Bucket=to, Key=each.key, Body=body, **({"ContentType": each.type} if each.type else {}))


def _prove(account: Account, manifest: Manifest, tables: dict[str, str]) -> None:
    for logical_id, copied in manifest.tables.items():
        there = counted(items(account, tables[logical_id]))
        if there.digest != copied.digest:
            raise CloudError(
                f"{logical_id} holds other items than the copy: {there.items} there, {copied.items} copied"
            )
    zone = manifest.parameters["TimeZone"]
    found = proved(lambda logical_id: items(account, tables[logical_id]), manifest.taken_at, zone)
    if found != manifest.proof:
        raise CloudError(f"the books differ from the copied ones: {found}")


def main(variables: Mapping[str, str]) -> None:
    account = account_of_environment(variables.get("REGION"))
    if not variables.get("FROM"):
        raise CloudError("give FROM=…, the folder of a copy")
    say = partial(print, flush=True)
    restore(account, variables.get("STAGE", ""), Path(variables["FROM"]), variables.get("PASSPHRASE", ""), say)


if __name__ == "__main__":
    try:
        main(os.environ)
    except (CloudError, ClientError, BotoCoreError) as error:
        sys.exit(f"restore: {error}")

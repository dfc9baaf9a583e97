"""`make destroy STAGE=… CONFIRM=…`: delete the stage's stack. What it knows of people, orders and money stays."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.account import Account, account_of_environment
from local.artifacts import bucket
from local.change_sets import Say, delete, state
from local.deploy import stack_of
from local.kept import IDENTIFIERS, Kept, recorded
from local.package import CloudError

SHORT_LIVED = frozenset({"TransientTable", "Settlements"})
"""What may go with the stack: short-lived rows, and messages whose work is noted elsewhere."""
_PER_GB_OF_TABLES, _PER_GB_OF_FILES, _PER_SECRET = 0.45, 0.023, 0.40
"""US dollars a month, us-east-1, list prices of 2026-11. Tables: $0.25 storage (the first 25 GB free), $0.20 recovery."""


def destroy(account: Account, stage: str, confirmed: str, say: Say = print) -> None:
    """Deletes the functions, the API, the alarms and what is short-lived; says what was kept and what that costs.

    Raises CloudError unless `confirmed` repeats the stage's name, or if there is no such stage.
    """
    name = stack_of(stage)
    now = state(account, name)
    if now is None:
        raise CloudError(f"there is no stack {name} in account {account.number}, {account.region}")
    if confirmed != stage:
        raise CloudError(f"this ends the service of {name}: say CONFIRM={stage} if that is meant")
    kept = recorded(account, name)
    if kept is None:
        raise CloudError(
            f"{name} was not made by `make deploy`, or never finished: run `make deploy STAGE={stage}` first"
        )
    later = sorted(
        each
        for each, (kind, _) in now.resources.items()
        if kind in IDENTIFIERS and each not in kept.resources and each not in SHORT_LIVED
    )
    if later:
        raise CloudError(
            f"the last deployment of {name} was cut off, and nothing would remember {', '.join(later)}:"
            f" run `make deploy STAGE={stage}` first"
        )
    delete(account, name, say)
    _report(account, stage, kept, say)


def _report(account: Account, stage: str, kept: Kept, say: Say) -> None:
    dynamodb, size = account.client("dynamodb"), 0
    say("kept, as it was:")
    for logical_id, physical in sorted(kept.resources.items()):
        kind = kept.template["Resources"][logical_id]["Type"]
        of_table = ""
        if IDENTIFIERS[kind] == "TableName":
            table = dynamodb.describe_table(TableName=physical)["Table"]
            size += table["TableSizeBytes"]
            of_table = f"  about {table['ItemCount']} items, {table['TableSizeBytes'] / 1e6:.1f} MB"
        say(f"  {logical_id:<20} {physical}{of_table}")
    secrets = [kept.secret, *_connection_secrets(account, stage)]
    say(f"  {len(secrets)} secrets: the one that seals payees' accounts, and one for each connection")
    monthly = size / 1e9 * _PER_GB_OF_TABLES + len(secrets) * _PER_SECRET
    say(f"this costs about ${monthly:.2f} a month at list prices (us-east-1): ${_PER_SECRET:.2f} for each secret,")
    say(f"${_PER_GB_OF_TABLES:.2f} per GB of tables with their recovery, ${_PER_GB_OF_FILES} per GB of files")
    say(f"`make deploy STAGE={stage}` takes all of it back")
    say("to forget it for good, switch off the tables' deletion protection, then delete tables, buckets and secrets,")
    say(f"and stages/{stack_of(stage)}.json in {bucket(account)}")


def _connection_secrets(account: Account, stage: str) -> list[str]:
    pages: Any = account.client("secretsmanager").get_paginator("list_secrets").paginate()
    prefix = f"{stack_of(stage)}/connections/"
    return [each["ARN"] for page in pages for each in page["SecretList"] if each["Name"].startswith(prefix)]


def main(variables: Mapping[str, str]) -> None:
    account = account_of_environment(variables.get("REGION"))
    destroy(account, variables.get("STAGE", ""), variables.get("CONFIRM", ""))


if __name__ == "__main__":
    try:
        main(os.environ)
    except (CloudError, ClientError, BotoCoreError) as error:
        sys.exit(f"destroy: {error}")

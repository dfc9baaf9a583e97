"""`make deploy STAGE=…`: package this working copy and create the stage's stack, or bring it up to date."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botocore.exceptions import BotoCoreError, ClientError

from local.account import Account, account_of_environment
from local.artifacts import put_template, upload
from local.change_sets import Change, Say, StackState, bring, state
from local.gateway import answer_as_deployed, base_url
from local.kept import Kept, record, recorded, take_back
from local.package import ROOT, CloudError, package, package_for_aws

_STAGE = re.compile(r"[a-z][a-z0-9]{0,15}")
_FUNCTION = "APIHandler"


def stack_of(stage: str) -> str:
    """The name of a stage's stack. Raises CloudError for what is no name of a stage."""
    if not _STAGE.fullmatch(stage):
        raise CloudError("give STAGE=…: a small letter, then at most fifteen small letters and digits, such as prod")
    return f"fenrun-{stage}"


def deploy(account: Account, stage: str, out: Path, variables: Mapping[str, str], say: Say = print) -> StackState:
    """Brings the stage to the package in `out` and waits for it.

    `variables` (TIME_ZONE, SHOP_URL, …) set the template's parameters of these names; those not named stay as they are.
    What a destroyed stage of this name kept is taken back. Raises CloudError, with nothing changed or rolled back.
    """
    name = stack_of(stage)
    template = upload(account, out)
    now = state(account, name)
    whole = now is not None and _FUNCTION in now.resources
    kept = None if whole else recorded(account, name)
    known = now.parameters if now else kept.parameters if kept else {}
    given = _parameters(template, variables)
    _refuse_other_days(account, given, known, kept, now)
    if kept:
        take_back(account, name, kept, now, say)
    values = {**given, "Stage": stage}
    change = Change(put_template(account, template), frozenset(template["Parameters"]), values)
    changed = bring(account, name, change, say)
    if account.is_local and changed:
        answer_as_deployed(account, name, template)
    after = state(account, name)
    assert after is not None
    noted = record(account, name, template, after)
    if kept and kept.secret != noted.secret:
        account.client("secretsmanager").delete_secret(SecretId=kept.secret, RecoveryWindowInDays=30)
    if not changed:
        say(f"{name} is up to date: nothing to change")
    _report(account, name, after, first=now is None and kept is None, moved=kept is not None, say=say)
    return after


def _parameters(template: dict[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters that the variables name: TimeZone is TIME_ZONE."""
    named = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): name for name in template["Parameters"] if name != "Stage"}
    given = {named[variable]: value for variable, value in variables.items() if variable in named and value}
    try:
        ZoneInfo(given.get("TimeZone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        raise CloudError(f"TIME_ZONE={given['TimeZone']} is no IANA zone; one is Asia/Shanghai") from None
    return given


def _refuse_other_days(
    account: Account, given: dict[str, str], known: dict[str, str], kept: Kept | None, now: StackState | None
) -> None:
    """Orders have their days from the zone they came in: another one would put new facts of theirs on other days."""
    zone = known.get("TimeZone")
    if zone is None or given.get("TimeZone", zone) == zone:
        return
    there = {each: physical for each, (_, physical) in now.resources.items()} if now else kept.resources if kept else {}
    table = there.get("OrdersTable")
    if table and account.client("dynamodb").scan(TableName=table, Limit=1)["Count"]:
        raise CloudError(f"TIME_ZONE stays {zone}: there are orders, and on which day they count follows from it")


def _report(account: Account, name: str, after: StackState, first: bool, moved: bool, say: Say) -> None:
    say(f"URL          {base_url(account, after)}")
    for label, value in sorted(after.outputs.items()):
        if label not in ("EndpointURL", "RestAPIId", "APIHandlerArn", "APIHandlerName"):
            say(f"{label:<12} {value}")
    if first:
        say("next: make yourself the owner, and a key for the storefront")
        say(
            f"  .venv/bin/python -m local.admin staff --stack {name} --name Owner --email you@shop.example --roles owner"
        )
        say(
            f"  .venv/bin/python -m local.admin key --stack {name} --name storefront --scopes orders:write,orders:read,…"
        )
    if moved:
        say("the API has another URL than before: tell the storefront and every connected provider")


def main(variables: Mapping[str, str]) -> None:
    account = account_of_environment(variables.get("REGION"))
    say = partial(print, flush=True)
    stage = variables.get("STAGE", "")
    say(f"deploying {stack_of(stage)} to account {account.number}, {account.region}")
    out = package(ROOT / "out" / "local") if account.is_local else package_for_aws(ROOT / "out", account.region)
    deploy(account, stage, out, variables, say)


if __name__ == "__main__":
    try:
        main(os.environ)
    except (CloudError, ClientError, BotoCoreError) as error:
        sys.exit(f"deploy: {error}")

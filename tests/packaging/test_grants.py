"""Least privilege: a function's policy grants the calls that its code can come to, each on its own table, and no other."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.packaging.code_calls import calls_of, source
from tests.packaging.grants import FILLED_BY_LAMBDA, grants, own

Template = dict[str, Any]
REDRIVEN = FILLED_BY_LAMBDA | {"SettlementFailures"}


def handlers(template: Template, function: str) -> list[str]:
    """Where the code of a function begins; the API has a beginning for every route."""
    if function == "APIHandler":
        return [name for name in source() if name.startswith("chalicelib.api.")]
    return [template["Resources"][function]["Properties"]["Handler"]]


def test_tables_are_granted_as_the_code_uses_them(cloudformation: Template) -> None:
    unused, missing = set[str](), set[str]()
    for function, all_of_it in grants(cloudformation).items():
        granted = {each for each in own(all_of_it) if each[0].startswith("dynamodb:")}
        possible = {(f"dynamodb:{call}", on) for call, on in calls_of(handlers(cloudformation, function))[0]}
        unused |= {f"{function}: {action} on {on}" for action, on in granted - possible}
        missing |= {f"{function}: {action} on {on}" for action, on in possible - granted}

    assert (unused, missing) == (set(), set())


def test_everything_else_is_granted_as_the_code_uses_it(cloudformation: Template) -> None:
    unused, missing = set[str](), set[str]()
    for function, all_of_it in grants(cloudformation).items():
        granted = {action for action, _ in all_of_it}
        possible = calls_of(handlers(cloudformation, function))[1]
        # Without it S3 answers 403, not 404, for a file that is not there.
        implied = {"s3:ListBucket"} if "s3:GetObject" in granted else set()
        mine = {action for action, _ in own(all_of_it) if not action.startswith("dynamodb:")}
        unused |= {f"{function}: {action}" for action in mine - implied - possible}
        missing |= {f"{function}: {action}" for action in possible - granted}

    assert (unused, missing) == (set(), set())


def test_files_are_reached_in_their_own_folders_only(cloudformation: Template) -> None:
    folders: dict[str, set[str]] = defaultdict(set)
    for function, granted in grants(cloudformation).items():
        for action, resource in granted:
            if action in ("s3:GetObject", "s3:PutObject") and resource.startswith("FilesBucket"):
                folders[resource].add(f"{function} {action.removeprefix('s3:')}")

    assert "FilesBucket/*" not in folders
    assert folders["FilesBucket/payouts/*"] == {"Settle PutObject", "SettlePart PutObject"}
    assert all(each.startswith(("APIHandler", "Inbox")) for each in folders["FilesBucket/inbox/*"])


def test_who_may_not_do_what(cloudformation: Template) -> None:
    """What would hurt most, said here once more by itself, so that no slip in the code makes a grant look right."""
    granted = grants(cloudformation)
    may = {(function, *each) for function, all_of_it in granted.items() for each in all_of_it}
    deleting = {(function, resource) for function, action, resource in may if action == "dynamodb:DeleteItem"}
    secrets = {
        f for f, action, resource in may if action == "secretsmanager:GetSecretValue" and resource == "AppSecret"
    }
    people = {f for f, action, resource in may if resource == "Distributors" and action != "dynamodb:BatchGetItem"}

    assert deleting == {("APIHandler", "Transient")}
    assert secrets == {"APIHandler", "Inbox", "Settle", "SettlePart", "Submit"}
    assert people == {"APIHandler", "Inbox"}
    assert {resource for _, resource in own(granted["Commissions"])} == {"Ledger"}
    assert {resource.split("/")[0] for _, resource in own(granted["Mature"])} == {"Ledger"}

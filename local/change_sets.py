"""CloudFormation, driven by change sets: what is to change is known before it does, and nothing to change is an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.account import Account
from local.package import CloudError

Say = Callable[[str], None]
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"}


@dataclass(frozen=True)
class StackState:
    """A stack as it is: `resources` are physical ids and types by logical id."""

    status: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    resources: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """What a stack is to become. `given` values are set; other parameters keep what they are. `imported` are resources
    that exist already, in the shape of ResourcesToImport."""

    template_url: str
    declared: frozenset[str]
    given: dict[str, str] = field(default_factory=dict)
    imported: tuple[dict[str, Any], ...] = ()


def state(account: Account, name: str) -> StackState | None:
    """The stack, or None if there is none (or only a draft of one)."""
    cloudformation = account.client("cloudformation")
    try:
        found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return None
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = {
        each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] != "DELETE_COMPLETE"
    }
    return StackState(
        found["StackStatus"],
        {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
        {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        resources,
    )


def bring(account: Account, name: str, change: Change, say: Say) -> bool:
    """Creates the stack or brings it to the change, and waits for it; False if there was nothing to change.

    A first creation that fails is left as far as it got, so that the next attempt goes on from there; a failed update is
    rolled back by CloudFormation. Raises CloudError with the first resource that failed and why.
    """
    now = state(account, name)
    kind, on_failure = "UPDATE", "ROLLBACK"
    if now is None:
        kind, on_failure = "CREATE", "DO_NOTHING"
    elif now.status.endswith("_IN_PROGRESS"):
        raise CloudError(f"{name} is {now.status}: somebody is changing it; wait until that is done")
    elif now.status == "ROLLBACK_COMPLETE":
        raise CloudError(f"{name} was never made whole ({now.status}): delete that stack, then deploy again")
    elif now.status in ("CREATE_FAILED", "UPDATE_FAILED"):
        on_failure = "DO_NOTHING"
    known = {key: value for key, value in now.parameters.items() if key in change.declared} if now else {}
    parameters = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in sorted({**known, **change.given}.items())
    ]
    asked = {"TemplateURL": change.template_url, "Capabilities": _CAPABILITIES, "Parameters": parameters}
    if change.imported:
        asked |= {"ChangeSetType": "IMPORT", "ResourcesToImport": list(change.imported)}
    else:
        asked |= {"ChangeSetType": kind, "OnStackFailure": on_failure}
    return _run(account.client("cloudformation"), name, asked, say)


def delete(account: Account, name: str, say: Say) -> None:
    """Deletes the stack and waits; what its template retains stays. Raises CloudError with what could not be deleted."""
    cloudformation = account.client("cloudformation")
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    began = _newest_event(cloudformation, stack_id)
    cloudformation.delete_stack(StackName=stack_id)
    _wait(cloudformation, stack_id, began, say)


def _run(cloudformation: Any, name: str, asked: dict[str, Any], say: Say) -> bool:
    change_set = f"fenrun-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    try:
        made = cloudformation.create_change_set(StackName=name, ChangeSetName=change_set, **asked)
    except ClientError as error:
        raise CloudError(f"CloudFormation refuses the change of {name}: {error}") from error
    named = {"ChangeSetName": made["Id"], "StackName": made["StackId"]}
    while (found := cloudformation.describe_change_set(**named))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        time.sleep(1)
    if found["Status"] == "FAILED" or found["ExecutionStatus"] != "AVAILABLE":
        reason = found.get("StatusReason", "")
        cloudformation.delete_change_set(**named)
        if asked["ChangeSetType"] != "UPDATE":
            _drop_draft(cloudformation, made["StackId"])
        if any(phrase in reason for phrase in _NOTHING):
            return False
        raise CloudError(f"CloudFormation cannot change {name}: {reason}")
    began = _newest_event(cloudformation, made["StackId"])
    cloudformation.execute_change_set(**named)
    _wait(cloudformation, made["StackId"], began, say)
    return True


def _drop_draft(cloudformation: Any, stack_id: str) -> None:
    """A change set that failed leaves an empty stack behind, if there was none before."""
    if cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS":
        cloudformation.delete_stack(StackName=stack_id)


def _events(cloudformation: Any, stack_id: str, after: str | None) -> list[dict[str, Any]]:
    """What happened since the event `after`, the oldest first."""
    found: list[dict[str, Any]] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
    return found[::-1]


def _newest_event(cloudformation: Any, stack_id: str) -> str | None:
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    return events[0]["EventId"] if events else None


def _wait(cloudformation: Any, stack_id: str, began: str | None, say: Say) -> None:
    seen, pause = began, 0.05
    failed: dict[str, Any] | None = None
    while True:
        stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        for event in _events(cloudformation, stack_id, seen):
            seen, status = event["EventId"], event["ResourceStatus"]
            if event["ResourceType"] != "AWS::CloudFormation::Stack" and not status.endswith("_IN_PROGRESS"):
                say(f"  {event['LogicalResourceId']:<40} {status}")
            if status.endswith("_FAILED") and failed is None:
                failed = event
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(pause)
        pause = min(pause * 2, 3.0)
    if stack["StackStatus"] not in _GOOD:
        first = failed or {"LogicalResourceId": stack["StackName"]}
        why = first.get("ResourceStatusReason") or stack.get("StackStatusReason") or "CloudFormation gives no reason"
        raise CloudError(
            f"the stack is {stack['StackStatus']}; what failed first is {first['LogicalResourceId']}: {why}"
        )

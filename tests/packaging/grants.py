"""What the functions of a template are granted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]
Grants = dict[str, set[tuple[str, str]]]

MADE_BY_LAMBDA = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}
"""With the function's role, but by the service: what wakes it, and its log."""
FILLED_BY_LAMBDA = {
    ("sqs:SendMessage", "ScheduleFailures"),
    ("s3:PutObject", "DiscardedRecords/*"),
    ("s3:ListBucket", "DiscardedRecords"),
}
"""Where the service puts what a function failed at."""


def name_of(resource: Any) -> str:
    """A resource of a policy, short: `Orders`, `Orders/index/…`, `FilesBucket/inbox/*`, else its text."""
    (how, what), *_ = resource.items()
    if how == "Fn::GetAtt":
        return str(what[0]).removesuffix("Table")
    text = what if isinstance(what, str) else what[0]
    if found := re.fullmatch(r"\$\{(\w+)\.Arn\}(.*)", text):
        return found[1].removesuffix("Table") + found[2]
    return text.rpartition(":")[2]


def grants(template: Template) -> Grants:
    """What each function is granted: action and resource."""
    found: Grants = {}
    for name, function in template["Resources"].items():
        if function["Type"] not in ("AWS::Lambda::Function", "AWS::Serverless::Function"):
            continue
        role = template["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]
        found[name] = {
            (action, name_of(resource))
            for policy in role["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            for resource in listed(statement["Resource"])
        }
    return found


def listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]


def own(granted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without what the service does in the function's name."""
    return {each for each in granted - FILLED_BY_LAMBDA if each[0] not in MADE_BY_LAMBDA}

"""Lambda imports an event function's module and nothing else: no app.py, so no middleware and no current app.

A function that works only after `import app` passes every other test and fails on AWS.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.store import statement
from chalicelib.store.ledger import post
from local.package import OFFLINE, ROOT
from local.stack import client as local_client
from local.stack import scheduled_event
from tests.domain import builders
from tests.store.builders import holds, leg, posting
from tests.streams.events import change, event

MODULES = sorted(
    f"chalicelib.{folder}.{path.stem}"
    for folder in ("streams", "schedules")
    for path in (ROOT / "chalicelib" / folder).glob("*.py")
    if path.stem != "__init__" and "@bp." in path.read_text()
)

ENVIRONMENT = {
    **{
        f"{name}_TABLE": name.lower()
        for name in ["DISTRIBUTORS", "CUSTOMERS", "ORDERS", "LEDGER", "PAYOUTS", "SETTINGS", "AUDIT", "INBOX"]
    },
    "TRANSIENT_TABLE": "transient",
    "CONNECTION_SECRETS": "fenrun/connections/",
    "FILES_BUCKET": "files",
    "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:fenrun",
    "TIME_ZONE": "Asia/Shanghai",
    "STAGE": "dev",
    "LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "fenrun",
    "POWERTOOLS_METRICS_NAMESPACE": "Fenrun",
    "AWS_LAMBDA_FUNCTION_NAME": "alone",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nothing answers there: this test reaches no cloud
}

FIND = """
import importlib, json, sys
module_name = sys.argv[1]
module = importlib.import_module(module_name)
assert "app" not in sys.modules, "an event function may not import app.py"
handler = getattr(module, module_name.rpartition(".")[2])
assert callable(handler)
"""

INVOKE = (
    FIND
    + """
class Context:
    function_name = "alone"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:alone"
    aws_request_id = "request-1"
    log_group_name = log_stream_name = "alone"
    def get_remaining_time_in_millis(self):
        return 300000
print("answer=" + json.dumps(handler(json.loads(sys.argv[2]), Context())))
"""
)


def in_fresh_interpreter(script: str, *arguments: str, environment: dict[str, str] = ENVIRONMENT) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **OFFLINE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def invoke(module: str, event: dict[str, Any], environment: dict[str, str] = ENVIRONMENT) -> Any:
    lines = in_fresh_interpreter(INVOKE, module, json.dumps(event), environment=environment).splitlines()
    return json.loads(next(line for line in lines if line.startswith("answer=")).removeprefix("answer="))


def test_there_are_event_functions() -> None:
    """A new one fails here until it is invoked below."""
    assert MODULES == [
        "chalicelib.schedules.inbox",
        "chalicelib.schedules.mature",
        "chalicelib.schedules.overdue",
        "chalicelib.schedules.repair",
        "chalicelib.schedules.replay",
        "chalicelib.schedules.settle",
        "chalicelib.schedules.settle_part",
        "chalicelib.schedules.submit",
        "chalicelib.streams.commissions",
    ]


@pytest.mark.parametrize("module", MODULES)
def test_it_is_importable_without_the_app(module: str) -> None:
    in_fresh_interpreter(FIND, module)


def test_commissions_answers_an_empty_batch_with_no_failures() -> None:
    assert invoke("chalicelib.streams.commissions", {"Records": []}) == {"batchItemFailures": []}


@pytest.fixture
def alone(cloud_tables: dict[str, str], local: dict[str, Any], endpoint: str) -> dict[str, str]:
    """The environment of a function by itself, with empty tables and a bucket behind it."""
    bucket = cloud_tables["LEDGER_TABLE"]
    local_client(endpoint, "s3").create_bucket(Bucket=bucket)
    there = {"FILES_BUCKET": bucket, "SECRET_ARN": local["secret"], "AWS_ENDPOINT_URL": endpoint}
    return {**ENVIRONMENT, **cloud_tables, **there}


def held() -> tuple[int, int]:
    return holds(statement.balance("ann", "CNY"))


def test_commissions_posts_a_record(alone: dict[str, str]) -> None:
    order = builders.order(builders.paid(builders.line(10_000)))
    record = change(1, None, order)

    answer = invoke("chalicelib.streams.commissions", event([record]), alone)

    assert answer == {"batchItemFailures": []}
    assert held() == (1000, 0)
    broken = change(2, order, order, NewImage={"image": {"S": "?"}})
    answer = invoke("chalicelib.streams.commissions", event([record, broken]), alone)
    assert answer == {"batchItemFailures": [{"itemIdentifier": broken["dynamodb"]["SequenceNumber"]}]}
    assert held() == (1000, 0)


def test_mature_moves_what_is_due(alone: dict[str, str]) -> None:
    post([posting("o-1", leg("ann", 100))])

    assert invoke("chalicelib.schedules.mature", scheduled_event("2026-03-15T15:59:59Z"), alone) == {"days": 0}
    assert invoke("chalicelib.schedules.mature", scheduled_event("2026-03-15T16:00:00Z"), alone) == {"days": 1}
    assert held() == (0, 100)


def test_settle_runs(alone: dict[str, str]) -> None:
    """Nobody has anything to be paid: what settling does is tested with its flow."""
    assert isinstance(invoke("chalicelib.schedules.settle", scheduled_event("2026-03-20T02:00:00Z"), alone), dict)
    post([posting("o-1", leg("ann", 100))])
    invoke("chalicelib.schedules.mature", scheduled_event("2026-03-20T00:00:00Z"), alone)
    invoke("chalicelib.schedules.settle", scheduled_event("2026-03-21T02:00:00Z"), alone)
    assert held() == (0, 100)


def test_settle_part_does_a_part(alone: dict[str, str]) -> None:
    post([posting("o-1", leg("ann", 100))])
    invoke("chalicelib.schedules.mature", scheduled_event("2026-03-20T00:00:00Z"), alone)
    invoke("chalicelib.schedules.settle", scheduled_event("2026-03-21T02:00:00Z"), alone)
    body = json.dumps({"run": "2026-03-21", "part": "accounts-0", "day": "2026-03-21"})
    message = {"body": body, "receiptHandle": "r", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:settlements"}

    assert invoke("chalicelib.schedules.settle_part", {"Records": [message]}, alone) is None


def test_inbox_runs(alone: dict[str, str]) -> None:
    """Nothing waits: what it tries again is tested with its flow."""
    answer = invoke("chalicelib.schedules.inbox", scheduled_event("2026-03-20T01:00:00Z"), alone)
    assert answer == {"tried": 0, "stuck": 0, "failed": 0}


def test_submit_runs(alone: dict[str, str]) -> None:
    """No payout waits: what it does with one is tested with its flow."""
    answer = invoke("chalicelib.schedules.submit", scheduled_event("2026-03-20T01:00:00Z"), alone)
    assert answer == {"seen": 0, "moved": 0, "failed": 0}


def test_overdue_runs(alone: dict[str, str]) -> None:
    """Nobody has terms of credit: whom it stops is tested with its flow."""
    answer = invoke("chalicelib.schedules.overdue", scheduled_event("2026-03-20T01:00:00Z"), alone)
    assert answer == {"customers": 0, "orders": 0, "failed": 0}


def test_repair_runs(alone: dict[str, str]) -> None:
    """The books are empty: what it finds is tested with its flow."""
    answer = invoke("chalicelib.schedules.repair", scheduled_event("2026-03-20T20:00:00Z"), alone)
    assert answer == {
        "repair": "2026-03-20T20:00:00.000000Z",
        "state": "done",
        "found": 0,
        "posted": 0,
        "left": 0,
    }


def test_replay_finds_nothing_to_do(alone: dict[str, str]) -> None:
    """What a replay finds is tested with its flow."""
    answer = invoke("chalicelib.schedules.replay", {"replay_id": "rp_unknown"}, alone)
    assert answer == {"replay": "rp_unknown", "state": None, "seen": None}

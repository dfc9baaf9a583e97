"""Lambda imports an event function's module and nothing else: no app.py, so no middleware and no current app.

A function that works only after `import app` passes every other test and fails on AWS.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from local.package import OFFLINE, ROOT

MODULES = sorted(
    f"chalicelib.{folder}.{path.stem}"
    for folder in ("streams", "schedules")
    for path in (ROOT / "chalicelib" / folder).glob("*.py")
    if path.stem != "__init__" and "@bp." in path.read_text()
)

ENVIRONMENT = {
    **{
        f"{name}_TABLE": name.lower()
        for name in ["DISTRIBUTORS", "CUSTOMERS", "ORDERS", "LEDGER", "PAYOUTS", "SETTINGS", "AUDIT"]
    },
    "TRANSIENT_TABLE": "transient",
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
        return 30000
print("answer=" + json.dumps(handler(json.loads(sys.argv[2]), Context())))
"""
)


def in_fresh_interpreter(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **OFFLINE, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def invoke(module: str, event: dict[str, Any]) -> Any:
    lines = in_fresh_interpreter(INVOKE, module, json.dumps(event)).splitlines()
    return json.loads(next(line for line in lines if line.startswith("answer=")).removeprefix("answer="))


def test_there_are_event_functions() -> None:
    assert {"chalicelib.streams.commissions", "chalicelib.schedules.mature", "chalicelib.schedules.settle"} <= set(
        MODULES
    )


@pytest.mark.parametrize("module", MODULES)
def test_it_is_importable_without_the_app(module: str) -> None:
    in_fresh_interpreter(FIND, module)


def test_commissions_answers_an_empty_batch_with_no_failures() -> None:
    assert invoke("chalicelib.streams.commissions", {"Records": []}) == {"batchItemFailures": []}

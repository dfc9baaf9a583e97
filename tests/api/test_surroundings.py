"""Settings, the frame of event functions, items and the secret: what everything else stands on."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib import observe
from chalicelib.domain.errors import Busy
from chalicelib.settings import NotConfigured, Settings, settings
from chalicelib.store import connection, dynamo, secrets
from chalicelib.store.items import from_item, to_item

ROOT = Path(__file__).resolve().parents[2]


def test_a_name_is_missed_when_it_is_needed() -> None:
    some = Settings({"ORDERS_TABLE": "orders", "AWS_DEFAULT_REGION": "eu-west-1"})

    assert (some.orders_table, some.time_zone, some.stage, some.region) == (
        "orders",
        "Asia/Shanghai",
        "dev",
        "eu-west-1",
    )
    with pytest.raises(NotConfigured, match="LEDGER_TABLE"):
        _ = some.ledger_table


def test_settings_are_read_once(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings().orders_table
    monkeypatch.setenv("ORDERS_TABLE", "another")

    assert settings().orders_table == before == tables["ORDERS_TABLE"]


def test_importing_needs_no_environment_and_no_heavy_parts() -> None:
    heavy = ("argon2", "cryptography", "jwt", "boto3", "pydantic")
    script = f"import sys, app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True)

    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_an_event_function_says_who_it_is_logs_once_and_raises(capsys: pytest.CaptureFixture[str]) -> None:
    @observe.observed
    def commissions(event: Any) -> str:
        observe.count("Postings", 3)
        if event.bad:
            raise ValueError("bad record")
        return "done"

    observe.flush()  # what tests before this one counted
    capsys.readouterr()
    lines: list[str] = []
    import logging

    handler = logging.Handler()
    handler.emit = lambda record: lines.append(observe.logger.registered_formatter.format(record))  # type: ignore[method-assign]
    observe.logger._logger.addHandler(handler)
    context = SimpleNamespace(function_name="fenrun-Commissions", aws_request_id="r-1")
    try:
        assert commissions(SimpleNamespace(bad=False, context=context)) == "done"
        with pytest.raises(ValueError, match="bad record"):
            commissions(SimpleNamespace(bad=True, context=context))
    finally:
        observe.logger._logger.removeHandler(handler)

    assert [(json.loads(line)["function_name"], json.loads(line)["level"]) for line in lines] == [
        ("fenrun-Commissions", "ERROR")
    ]
    sent = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [each["Postings"] for each in sent] == [[3.0], [3.0]]
    assert commissions.__name__ == "commissions"


def test_items_keep_what_they_are_given() -> None:
    values = {
        "text": "茶",
        "whole": 2**70,
        "yes": True,
        "bytes": b"\x00",
        "list": [1, None, {"a": []}],
        "map": {"none": None},
        "names": frozenset({"CNY", "USD"}),
    }

    assert from_item(to_item(values)) == values
    assert to_item({"absent": None}) == {}


@pytest.mark.parametrize("value", [1.0, object(), 1j])
def test_items_keep_no_fractions(value: Any) -> None:
    with pytest.raises(TypeError):
        to_item({"value": value})
    with pytest.raises(ValueError, match="invalid literal"):
        from_item({"value": {"N": "0.5"}})


def failing(error: Exception) -> Any:
    def call(**_: Any) -> None:
        raise error

    return SimpleNamespace(get_item=call)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"),
        ClientError({"Error": {"Code": "Other"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "GetItem"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_passing_trouble_is_busy(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(dynamo, "client", lambda: failing(error))

    with pytest.raises(Busy):
        dynamo.send("get_item")


def test_a_fault_of_ours_is_no_trouble_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        dynamo, "client", lambda: failing(ClientError({"Error": {"Code": "ValidationException"}}, "GetItem"))
    )

    with pytest.raises(ClientError):
        dynamo.send("get_item")


def test_calls_end_well_inside_a_request(tables: dict[str, str]) -> None:
    config = connection.client().meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)


def test_the_secret_is_held_for_five_minutes(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = secrets.app_secret()
    generated = "{l[]2g[$*Vd'$0.Z+HTj79FQ%QkKKP~RO)Q0ydWHHXvK9P"  # looks like the beginning of JSON, and is not
    boto3.client("secretsmanager").put_secret_value(SecretId=tables["SECRET_ARN"], SecretString=generated)

    assert secrets.app_secret() == first
    at = secrets.time.monotonic()
    monkeypatch.setattr(secrets.time, "monotonic", lambda: at + 301)
    assert secrets.app_secret() == generated


def test_without_the_secret_nobody_is_let_in(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:none")
    settings.cache_clear()

    with pytest.raises(Busy):
        secrets.app_secret()

"""What was given up on is sent once more: what can be is done, what cannot stays, and a second time changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.errors import Busy, Conflict
from chalicelib.domain.orders import Order
from chalicelib.domain.postings import difference
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.flows.record_order import record_order
from chalicelib.flows.redrive import redrive
from chalicelib.flows.repair import repair
from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from chalicelib.store import dead_letters as store
from chalicelib.store import repairs
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item
from local import redrive as command
from local.package import CloudError
from local.stack import scheduled_event
from tests.flows.busy_books import deployment, figures, ledger
from tests.flows.shop import at, book, open_shop, ordered, paid, refunded, said
from tests.streams.events import change
from tests.streams.lambda_service import discarded_key, discarded_object, poisoned

BUCKET = "discarded"
NOW = at(10)
MATURE = "arn:aws:lambda:us-east-1:000000000000:function:fenrun-Mature-1"


def dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty bucket of discarded records, and empty queues."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    sqs = boto3.client("sqs")
    monkeypatch.setenv("DISCARDED_RECORDS", BUCKET)
    for name in ("SCHEDULE_FAILURES", "SETTLEMENT_FAILURES", "SETTLEMENTS_QUEUE"):
        monkeypatch.setenv(name, sqs.create_queue(QueueName=name.lower().replace("_", "-"))["QueueUrl"])
    settings.cache_clear()
    store.forget()


def keep(records: Sequence[dict[str, Any]], n: int) -> str:
    """Lambda gives these changes up."""
    boto3.client("s3").put_object(Bucket=BUCKET, Key=discarded_key(n), Body=discarded_object(records))
    return discarded_key(n)


def waiting(prefix: str = "aws/lambda/") -> list[str]:
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in listed]


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment():
        dead_letters(monkeypatch)
        open_shop()
        yield


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The functions that were started."""
    found: list[tuple[str, Any]] = []
    monkeypatch.setattr(store.jobs, "start", lambda name, event: found.append((name, event)))
    return found


def again() -> tuple[int, int, list[tuple[str | None, str]]]:
    done = redrive("staff:ops", NOW, lambda: True)
    assert not done.more
    return done.posted, done.known, [(each.order_id, each.reason) for each in done.failed]


def audit() -> list[tuple[str, str, str]]:
    rows = [from_item(item) for item in send("scan", TableName=settings().audit_table)["Items"]]
    return sorted(
        (row["action"], row["who"], row["object"].split(" ")[0]) for row in rows if "redrive" in row["action"]
    )


def three(order_id: str = "o-1") -> list[Order]:
    return [
        record_order(ordered(order_id, payments=paid()), at(1)),
        record_order(said(order_id, refunds=refunded(("1", 4_000))), at(2)),
        record_order(said(order_id, refunds=refunded(("1", 1_000), refund_id="r-2")), at(3)),
    ]


# ------------------------------------------------------------------ changes of orders


def test_what_was_discarded_is_posted_once_and_put_away() -> None:
    first, second, third = three()
    key = keep([change(1, None, first), change(2, first, second)], 1)
    keep([change(3, second, third)], 2)

    assert again() == (3, 0, [])

    assert verify(at(20)).mismatches == []
    assert waiting() == []
    assert waiting("redriven/") == [f"redriven/{discarded_key(n)}" for n in (1, 2)]
    assert audit() == [("records.redrive", "staff:ops", discarded_key(n)) for n in (1, 2)]
    books = ledger()
    assert again() == (0, 0, [])
    keep([change(1, None, first), change(2, first, second)], 1)
    assert again() == (0, 2, [])
    assert ledger() == books
    assert key not in waiting()


def test_a_lost_change_between_others_is_the_gap_that_it_fills() -> None:
    first, second, third = three()
    book(first)
    send_on(second, third)
    assert verify(at(20)).mismatches

    keep([change(2, first, second)], 1)

    assert again() == (1, 0, [])
    assert verify(at(20)).mismatches == []


def send_on(old: Order, new: Order) -> None:
    assert [each.result for each in post_commissions([difference(old, new)])] == ["applied"]  # type: ignore[list-item]


def test_what_fails_again_stays_and_is_listed_and_goes_once_it_is_mended() -> None:
    first, second, _ = three()
    other = record_order(ordered("o-2", payments=paid()), at(1))
    key = keep([poisoned(change(1, None, first)), change(2, None, other), change(3, first, second)], 1)

    assert again() == (2, 0, [("o-1", "ValidationError")])

    assert (waiting(), audit()) == ([key], [])
    keep([change(1, None, first), change(2, None, other), change(3, first, second)], 1)
    assert again() == (1, 2, [])
    assert waiting() == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"payload": "no JSON"}', b'{"payload": {"Records": [{}]}}', b"\xff"])
def test_an_object_that_holds_no_changes_stays(body: bytes) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=discarded_key(1), Body=body)

    assert again() == (0, 0, [(None, "it holds no changes that can be read")])
    assert waiting() == [discarded_key(1)]


def test_a_payload_that_is_no_text_is_read_too() -> None:
    first = three()[0]
    body = json.loads(discarded_object([change(1, None, first)]))
    body["payload"] = json.loads(body["payload"])
    boto3.client("s3").put_object(Bucket=BUCKET, Key=discarded_key(1), Body=json.dumps(body))

    assert again() == (1, 0, [])


def test_what_the_repair_posted_already_is_not_posted_again() -> None:
    first, second, third = three()
    assert repair(at(20), "test", False, lambda: 1e9)  # the sum of all three, under the last
    books = ledger()
    keep([poisoned(change(1, None, first)), change(2, first, second)], 1)
    keep([change(3, second, third)], 2)

    assert again() == (0, 3, [])

    assert (ledger(), waiting()) == (books, [])


def test_what_the_repair_covered_is_known_also_when_something_else_is_lacking_by_now() -> None:
    first, second, _ = three()
    assert repair(at(20), "test", False, lambda: 1e9)
    record_order(said("o-1", refunds=refunded(("1", 500), refund_id="r-3")), at(21))
    books = figures(ledger())
    keep([change(1, None, first), change(2, first, second)], 1)

    assert again() == (0, 2, [])
    assert figures(ledger()) == books


def test_a_redrive_before_the_repair_leaves_it_the_rest() -> None:
    first, second, _ = three()
    keep([change(2, first, second)], 1)

    assert again() == (1, 0, [])
    assert repair(at(20), "test", False, lambda: 1e9)
    assert verify(at(20)).mismatches == []


def test_while_the_books_are_repaired_nothing_is_redriven() -> None:
    assert repairs.take("repair", NOW + timedelta(days=400), 3600)

    with pytest.raises(Conflict, match="REPAIR_RUNNING"):
        redrive("staff:ops", NOW, lambda: True)

    repairs.let_go("repair")
    assert again() == (0, 0, [])
    assert again() == (0, 0, [])


def test_it_stops_when_time_is_up_and_says_that_there_is_more() -> None:
    first, second, third = three()
    for n, each in enumerate([change(1, None, first), change(2, first, second), change(3, second, third)]):
        keep([each], n)
    left = iter([True, True, False])

    stopped = redrive("staff:ops", NOW, lambda: next(left))

    assert (stopped.posted, stopped.more) == (2, True)
    assert len(waiting()) == 1
    assert again() == (1, 0, [])


def test_an_object_that_was_copied_but_not_removed_is_moved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keep([change(1, None, three()[0])], 1)
    put_away = store.put_away

    def cut_off(key: str) -> None:
        store._client("s3").copy_object(Bucket=BUCKET, Key=f"redriven/{key}", CopySource={"Bucket": BUCKET, "Key": key})
        raise Busy("BUSY")

    monkeypatch.setattr(store, "put_away", cut_off)
    with pytest.raises(Busy):
        redrive("staff:ops", NOW, lambda: True)
    monkeypatch.setattr(store, "put_away", put_away)

    assert again() == (0, 1, [])
    assert waiting() == []


# ------------------------------------------------------------------ runs, and parts of settlements


def fail(body: Any, **attributes: str) -> None:
    named = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    boto3.client("sqs").send_message(
        QueueUrl=settings().schedule_failures, MessageBody=json.dumps(body), MessageAttributes=named
    )


def left_in(queue: str) -> int:
    found = boto3.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    return sum(map(int, found["Attributes"].values()))


def test_a_run_that_failed_is_started_again_with_its_own_event(started: list[Any]) -> None:
    event = scheduled_event("2026-03-01T02:00:00Z")
    fail(
        {
            "version": "1.0",
            "requestContext": {"functionArn": f"{MATURE}:$LATEST", "condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": {"errorType": "Busy"},
        }
    )
    fail(event, TARGET_ARN=MATURE, RULE_ARN="arn:aws:events:us-east-1:000000000000:rule/x", ERROR_CODE="THROTTLING")

    assert redrive("staff:ops", NOW, lambda: True).runs == 2

    assert started == [("fenrun-Mature-1", event)] * 2
    assert left_in(settings().schedule_failures) == 0
    assert audit() == [("message.redrive", "staff:ops", "fenrun-Mature-1")] * 2
    assert redrive("staff:ops", NOW, lambda: True).runs == 0


def test_a_message_that_names_no_function_stays_and_the_others_go(started: list[Any]) -> None:
    fail({"weather": "fine"})
    fail(scheduled_event("2026-03-01T02:00:00Z"), TARGET_ARN=MATURE)

    done = redrive("staff:ops", NOW, lambda: True)

    assert (done.runs, [each.reason for each in done.failed]) == (1, ["it names no function"])
    assert left_in(settings().schedule_failures) == 1


def test_a_function_that_cannot_be_started_keeps_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(name: str, event: Any) -> None:
        raise Busy("BUSY")

    monkeypatch.setattr(store.jobs, "start", busy)
    fail(scheduled_event("2026-03-01T02:00:00Z"), TARGET_ARN=MATURE)

    done = redrive("staff:ops", NOW, lambda: True)

    assert (done.runs, [each.reason for each in done.failed]) == (0, ["BUSY"])
    assert left_in(settings().schedule_failures) == 1


def test_a_part_of_a_settlement_goes_back_to_its_queue() -> None:
    task = {"run": "2026-03-01", "part": "accounts-3"}
    boto3.client("sqs").send_message(QueueUrl=settings().settlement_failures, MessageBody=json.dumps(task))

    assert redrive("staff:ops", NOW, lambda: True).parts == 1

    [message] = boto3.client("sqs").receive_message(QueueUrl=settings().settlements_queue)["Messages"]
    assert json.loads(message["Body"]) == task
    assert left_in(settings().settlement_failures) == 0
    assert redrive("staff:ops", NOW, lambda: True).parts == 0


# ------------------------------------------------------------------ the command


class Operator:
    """An account, as far as the command asks for it."""

    is_local, region = True, "us-east-1"

    def client(self, service: str) -> Any:
        assert service == "sts"
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/lin"}


def test_the_command_sends_all_of_it_and_says_what_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = three()
    keep([change(1, None, first)], 1)
    bad = keep([poisoned(change(2, first, second))], 2)
    used: list[tuple[str | None, ...]] = []
    monkeypatch.setattr(command, "account_of_environment", lambda region: Operator())
    monkeypatch.setattr(command, "use_stack", lambda *what: used.append(what))

    assert command.redrive("prod", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) is False

    assert used == [("fenrun-prod", "http://127.0.0.1:1", "us-east-1")]
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"  stays: {bad} (order o-1): ValidationError",
        "redrive: posted=1 known=0 runs=0 parts=0 failed=1",
    ]
    assert [who for _, who, _ in audit()] == ["operator:user/lin"]
    with pytest.raises(CloudError, match="STAGE"):
        command.redrive("Not a stage", {})
    assert repairs.take("repair", NOW + timedelta(days=400), 3600)
    with pytest.raises(CloudError, match="being repaired"):
        command.redrive("prod", {})

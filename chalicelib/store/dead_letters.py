"""What was given up on, and kept: changes of orders (a bucket), runs of functions and parts of settlements (queues).

An object of the bucket is Lambda's record of a failed invocation, under `aws/lambda/<mapping>/<shard>/<date>/…`; `payload`
holds the event with the stream's records, as JSON in a text. A message in the queue of failed runs is Lambda's record of one
(`requestContext.functionArn`, `requestPayload`), or what EventBridge could not deliver: the event, with the attribute
`TARGET_ARN`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session
from msgspec import DecodeError, Struct, json

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings
from chalicelib.store import jobs

PREFIX = "aws/lambda/"
REDRIVEN = "redriven/"
_HIDDEN_SECONDS = 120
"""For so long nobody else gets a message that is being dealt with."""
_WAIT_SECONDS = 1
"""To be told of what any of SQS's machines holds: without waiting, an answer comes from some of them."""
_MOST = 10
_THROTTLED = frozenset({"ThrottlingException", "RequestThrottled", "Throttling"})
"""What SQS calls it, with a status below 500."""


class Message(Struct, frozen=True):
    """A message of a queue, until it is `done`: a run of a function (`target` as EventBridge names it), or a part of a
    settlement."""

    id: str
    queue: str
    receipt: str
    body: str
    is_run: bool
    target: str | None = None


@cache
def _client(service: str) -> Any:
    config = Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
    return get_session().create_client(service, region_name=settings().region, config=config)


def forget() -> None:
    """Drops the clients held in this container: for tests."""
    _client.cache_clear()


def _busy(error: Exception) -> Exception:
    """`Busy` for what passes; a lasting fault, such as a permission that is missing, as it is."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status < 500 and status != 429 and error.response.get("Error", {}).get("Code") not in _THROTTLED:
            lasting: Exception = error
            return lasting
    return Busy("BUSY")


def discarded() -> Iterator[str]:
    """The keys of the objects that wait, in their order. Raises `Busy`."""
    more: dict[str, Any] = {}
    while True:
        try:
            answer = _client("s3").list_objects_v2(Bucket=settings().discarded_records, Prefix=PREFIX, **more)
        except (ClientError, ConnectionError, HTTPClientError) as error:
            raise _busy(error) from error
        yield from (each["Key"] for each in answer.get("Contents", []))
        if not answer.get("IsTruncated"):
            return
        more = {"ContinuationToken": answer["NextContinuationToken"]}


def changes(key: str) -> list[dict[str, Any]] | None:
    """The stream's records in an object; None if it holds none that can be read. Raises `Busy`."""
    try:
        body = _client("s3").get_object(Bucket=settings().discarded_records, Key=key)["Body"].read()
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise _busy(error) from error
    try:
        payload = json.decode(body)["payload"]
        event = json.decode(payload) if isinstance(payload, str) else payload
        records: list[dict[str, Any]] = event["Records"]
        return [{"order_id": each["dynamodb"]["Keys"]["id"]["S"], "change": each["dynamodb"]} for each in records]
    except (DecodeError, KeyError, TypeError):
        return None


def put_away(key: str) -> None:
    """Moves an object to `redriven/`. Cut off in between it is there twice, and is moved again. Raises `Busy`."""
    bucket = settings().discarded_records
    try:
        _client("s3").copy_object(Bucket=bucket, Key=REDRIVEN + key, CopySource={"Bucket": bucket, "Key": key})
        _client("s3").delete_object(Bucket=bucket, Key=key)
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise _busy(error) from error


def failed_runs() -> Iterator[Message]:
    """The runs of functions that failed every try. Raises `Busy`."""
    return _messages(settings().schedule_failures, is_run=True)


def failed_parts() -> Iterator[Message]:
    """The parts of settlements that failed every try. Raises `Busy`."""
    return _messages(settings().settlement_failures, is_run=False)


def _messages(queue: str, is_run: bool) -> Iterator[Message]:
    while True:
        try:
            answer = _client("sqs").receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=_MOST,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageAttributeNames=["All"],
            )
        except (ClientError, ConnectionError, HTTPClientError) as error:
            raise _busy(error) from error
        found = answer.get("Messages", [])
        for each in found:
            target = each.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue")
            yield Message(each["MessageId"], queue, each["ReceiptHandle"], each["Body"], is_run, target)
        if not found:
            return


def send_again(message: Message) -> str | None:
    """Starts the function that failed with the event that it failed at; or puts the part of a settlement into the queue that
    it came from. Where it went; None if the message names no function. Raises `Busy`."""
    if not message.is_run:
        try:
            _client("sqs").send_message(QueueUrl=settings().settlements_queue, MessageBody=message.body)
        except (ClientError, ConnectionError, HTTPClientError) as error:
            raise _busy(error) from error
        return "settlements"
    try:
        body = json.decode(message.body)
        function = message.target or body["requestContext"]["functionArn"]
        event = body if message.target else body["requestPayload"]
    except (DecodeError, KeyError, TypeError):
        return None
    name = str(function).split(":function:")[-1].split(":")[0]
    jobs.start(name, event)
    return name


def done(message: Message) -> None:
    """Takes a message out of its queue. Cut off before it, the message comes once more. Raises `Busy`."""
    try:
        _client("sqs").delete_message(QueueUrl=message.queue, ReceiptHandle=message.receipt)
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise _busy(error) from error

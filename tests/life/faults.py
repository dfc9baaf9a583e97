"""What goes wrong in a life, and how often: one seeded stream of chance, so that a seed has the same faults again."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.faults.kinds import Crash
from tests.life.changes import WRITES

_KINDS = ("crash before", "crash after", "answer lost", "throttled", "500", "conflict")
_WEIGHTS = (2, 2, 3, 3, 1, 3)


class Faults:
    """`rate` of the calls to AWS go wrong, and `chance` decides about all that goes wrong outside of calls."""

    def __init__(self, seed: int, rate: float) -> None:
        self.rate = rate
        self.calm = False
        self.met = Counter[str]()
        self._calls = Random(f"calls {seed}")
        self._outside = Random(f"outside {seed}")

    def chance(self, what: str, share: float) -> bool:
        """Whether this goes wrong now, in a `share` of all times; counted if so."""
        if self.calm or self._outside.random() >= share:
            return False
        self.met[what] += 1
        return True

    def at_call(self, operation: str) -> str | None:
        """What becomes of this call to AWS."""
        if self.calm or self._calls.random() >= self.rate:
            return None
        kind = self._calls.choices(_KINDS, _WEIGHTS)[0]
        if operation not in WRITES and kind in ("crash after", "answer lost", "conflict"):
            kind = "throttled" if kind == "conflict" else "crash before"
        self.met[kind] += 1
        return kind


def before(kind: str | None, operation: str, arguments: dict[str, Any]) -> None:
    """Raises what keeps the call from being carried out."""
    match kind:
        case "crash before":
            raise Crash
        case "500":
            raise _error("InternalServerError", operation, 500)
        case "throttled" | "conflict":
            if operation == "TransactWriteItems":
                code = "ThrottlingError" if kind == "throttled" else "TransactionConflict"
                others = [{"Code": "None"}] * (len(arguments["TransactItems"]) - 1)
                raise _error("TransactionCanceledException", operation, CancellationReasons=[{"Code": code}, *others])
            code = "ProvisionedThroughputExceeded" if kind == "throttled" else "TransactionConflict"
            raise _error(f"{code}Exception", operation)


def after(kind: str | None) -> None:
    """Raises what happens once the call was carried out."""
    if kind == "crash after":
        raise Crash
    if kind == "answer lost":
        raise ReadTimeoutError(endpoint_url="https://dynamodb.invalid")


def _error(code: str, operation: str, status: int = 400, **more: Any) -> ClientError:
    told = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(told, operation)  # type: ignore[arg-type]

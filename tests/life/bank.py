"""The operator's bank: it reads the files, pays what is in them once, and answers some days later, at times twice."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.life.books import Books, Wrong, check, number, text
from tests.life.cloud import BUCKET, Cloud
from tests.life.orders import SCALE

DIGITS = {"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}
assert DIGITS.keys() == SCALE.keys()


class Answer(NamedTuple):
    at: datetime
    payout_id: str
    outcome: str
    reference: str


class Bank:
    """`seen`: the files by path. No payout may stand in two of them, and none with another amount than its own."""

    def __init__(self, cloud: Cloud, chance: Random, books: Books) -> None:
        self._cloud, self._chance, self._books = cloud, chance, books
        self.seen: dict[str, bytes] = {}
        self.paid = Counter[str]()
        """What it will have paid once all of its answers are heard, minor units by currency."""
        self._lines: dict[str, str] = {}

    def read(self, run_id: str, now: datetime) -> list[Answer]:
        """Reads the files of a run that is filed, checks them, and says what it will answer and when."""
        files = self._files(run_id)
        answers: list[Answer] = []
        members = {key for key, payout in self._books.payouts.items() if payout.get("run_id") == {"S": run_id}}
        found: set[str] = set()
        for path, contents in sorted(files.items()):
            check(self.seen.setdefault(path, contents) == contents, "a file was written anew with other contents", path)
            for line in csv.DictReader(io.StringIO(contents.decode())):
                found.add(line["payout_id"])
                answers += self._paid(line, path, now)
        check(found == members, "the files of a run do not hold its payouts", run_id, found ^ members)
        return answers

    def _files(self, run_id: str) -> dict[str, bytes]:
        s3 = self._cloud.s3
        with self._cloud.outside():
            listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"payouts/bank_file/{run_id}/").get("Contents", [])
            return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed}

    def _paid(self, line: dict[str, Any], path: str, now: datetime) -> list[Answer]:
        name = line["payout_id"]
        payout = self._books.payouts[name]
        known = self._lines.get(name)
        check(known is None, "a payout stands in two files, or twice in one", name, known, path)
        self._lines[name] = path
        net = number(payout, "gross") - number(payout, "fee") - number(payout, "tax")
        currency = text(payout, "currency")
        amount = line["amount"].replace(".", "")
        decimals = len(line["amount"].partition(".")[2])
        if (int(amount), decimals, line["currency"]) != (net, DIGITS[currency], currency):
            raise Wrong("a file holds another amount", line, payout)
        at = now + timedelta(days=self._chance.uniform(0.5, 3))
        kind = self._chance.random()
        if kind < 0.05:
            return [Answer(at, name, "failed", line["reference"])]
        paid = [Answer(at, name, "paid", line["reference"])]
        self.paid[currency] += net if kind >= 0.08 else 0
        if kind < 0.08:
            paid.append(Answer(at + timedelta(days=self._chance.uniform(1, 20)), name, "returned", line["reference"]))
        return paid

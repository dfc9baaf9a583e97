"""Paying out by a file that the operator hands to their bank: one CSV for a run and currency, or for what of it does not
fit into the bank's own format."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from hashlib import sha256

from chalicelib.domain.money import display
from chalicelib.domain.payouts import Payout

RAIL = "bank_file"
COLUMNS = ("run_id", "payout_id", "currency", "amount", "holder", "account", "bank", "reference")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def path(run_id: str, currency: str, suffix: str = "csv") -> str:
    """Where the file is kept."""
    return f"payouts/{RAIL}/{run_id}/{currency}.{suffix}"


def reference(payout_id: str) -> str:
    """What the transfer is called at the bank: short enough for every format (35 characters), the same for ever."""
    return sha256(payout_id.encode()).hexdigest()[:20].upper()


def text(value: str) -> str:
    """A cell that a spreadsheet shows and does not compute: what looks like a formula begins with an apostrophe."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def contents(run_id: str, payouts: Iterable[Payout]) -> bytes:
    """The file for these payouts: UTF-8, sorted by payout id, the net amount in plain digits.

    Made from what never changes about a payout, so the same payouts always give the same bytes.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for payout in sorted(payouts, key=lambda each: each.id):
        method = payout.method
        cells = (method["holder"], method["account"], method.get("bank", ""), reference(payout.id))
        writer.writerow(
            (
                text(run_id),
                text(payout.id),
                payout.currency,
                display(payout.net, payout.currency),
                *map(text, cells),
            )
        )
    return file.getvalue().encode()

"""Bank file NACHA: ACH credits to people (PPD), in lines of 94 characters (Nacha Operating Rules, appendix three).

Made from what never changes about payouts: a file that is written again has the same bytes, trace numbers included. The
batch is unbalanced: the bank takes the total from the account agreed with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from chalicelib.domain import bank_accounts
from chalicelib.domain.bank_formats import Originator
from chalicelib.domain.payouts import Payout
from chalicelib.rails.bank_file import reference
from chalicelib.rails.letters import latin

SUFFIX = "ach"
MEDIA_TYPE = "text/plain; charset=us-ascii"
WIDTH, BLOCK = 94, 10
_MOST = 99_999_999_99
"""The largest amount of an entry, in cents."""
_CREDITS, _TO_CHECKING = "220", "22"
_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""What tells files apart that an originator made in the same minute."""


def takes(payout: Payout) -> bool:
    """Whether the format can carry the payout: dollars, to a US bank account, to a name that leaves something in ASCII."""
    method = payout.method
    return (
        payout.currency == "USD"
        and payout.net <= _MOST
        and method.get("kind") == "us_bank"
        and bank_accounts.routing_number(method.get("bank", "")) is not None
        and bank_accounts.us_account(method["account"]) is not None
        and re.search("[A-Za-z0-9]", latin(method["holder"])) is not None
    )


def contents(run_id: str, at: datetime, payouts: Sequence[Payout], originator: Originator, part: int = 1) -> bytes:
    """The file for these payouts, each of which the format `takes`, sorted by payout id. `run_id` is the day of the run, to
    be settled on the next one (ACH takes the next banking day); `at` is when the run began. `part` counts the run's files
    from 1: it is the batch's number, and no two have the same minute and file ID modifier."""
    ordered = sorted(payouts, key=lambda each: each.id)
    routing, company = originator.routing or "", _text(originator.company_id or "", 10)
    batch = _digits(part, 7)
    minutes, modifier = divmod(part - 1, len(_MODIFIERS))
    made = at.astimezone(UTC) + timedelta(minutes=minutes)
    entries = [_entry(payout, routing[:8], place) for place, payout in enumerate(ordered, 1)]
    # The sum of the receiving banks' first eight digits, without what does not fit into ten.
    hashed = sum(int(bank_accounts.packed(each.method["bank"])[:8]) for each in ordered) % 10**10
    sums = _digits(hashed, 10) + _digits(0, 12) + _digits(sum(each.net for each in ordered), 12)
    settled = date.fromisoformat(run_id) + timedelta(days=1)
    lines = [
        f"101 {routing}{company}{made:%y%m%d%H%M}{_MODIFIERS[modifier]}094101"
        f"{_text(originator.bank or '', 23)}{_text(originator.name, 23)}{' ' * 8}",
        f"5{_CREDITS}{_text(originator.name, 16)}{' ' * 20}{company}PPDCOMMISSION{' ' * 6}{settled:%y%m%d}   1"
        f"{routing[:8]}{batch}",
        *entries,
        f"8{_CREDITS}{_digits(len(entries), 6)}{sums}{company}{' ' * 25}{routing[:8]}{batch}",
    ]
    blocks = -(-(len(lines) + 1) // BLOCK)
    lines.append(f"9{_digits(1, 6)}{_digits(blocks, 6)}{_digits(len(entries), 8)}{sums}{' ' * 39}")
    lines += ["9" * WIDTH] * (blocks * BLOCK - len(lines))
    return ("\n".join(lines) + "\n").encode("ascii")


def _entry(payout: Payout, odfi: str, place: int) -> str:
    method = payout.method
    return (
        f"6{_TO_CHECKING}{bank_accounts.packed(method['bank'])}{_text(bank_accounts.packed(method['account']), 17)}"
        f"{_digits(payout.net, 10)}{reference(payout.id)[:15]}{_text(latin(method['holder']), 22)}  0"
        f"{odfi}{_digits(place, 7)}"
    )


def _text(value: str, width: int) -> str:
    return value.upper()[:width].ljust(width)


def _digits(value: int, width: int) -> str:
    """Raises `ValueError` for a number that does not fit: a cut one would be another amount."""
    if len(text := f"{value:0{width}d}") > width:
        raise ValueError("a number is too large for its field")
    return text

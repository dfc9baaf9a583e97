"""What the demo shows: a progress line while it works, and the books as tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from chalicelib.domain.money import display


class Progress:
    """One line that is written over on a terminal; elsewhere a line for each step."""

    def __init__(self) -> None:
        self._began, self._step, self._tty = time.monotonic(), "", sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, step: str, detail: str = "") -> None:
        """What is being done now. The detail may change often: it is shown on a terminal only."""
        if self._tty:
            print(f"\r\033[K{self.seconds:5.1f} s  {step}{' ' + detail if detail else ''}", end="", flush=True)
        elif step != self._step:
            print(f"{self.seconds:5.1f} s  {step}", flush=True)
        self._step = step

    def clear(self) -> None:
        """Ends the progress line."""
        if self._tty:
            print("\r\033[K", end="", flush=True)


def money(amount: int, currency: str) -> str:
    """With the currency's own decimals, thousands apart."""
    whole, point, rest = display(amount, currency).partition(".")
    return f"{int(whole):,}{point}{rest}" if whole != "-0" else f"-0{point}{rest}"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """The first `left` columns begin at the left, the others end at the right."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  " + "  ".join(padded).rstrip()

    return "\n".join([title, line(heads), line(["-" * width for width in widths]), *map(line, rows), ""])

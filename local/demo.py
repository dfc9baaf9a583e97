"""A small tea shop on a local cloud of its own, from nothing to verified books. `python -m local.demo`."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from local import books
from local.bootstrap import bootstrap
from local.emulator import free_port, start, stop
from local.http import Refusal, Wrong
from local.package import CloudError
from local.play import SHOP_URL, Play
from local.printed import Progress
from local.stack import Stack, deploy
from tests.rails.simulator import Simulator

FORESEEN = (CloudError, Refusal, Wrong, urllib3.exceptions.HTTPError, BotoCoreError, ClientError, OSError)
STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def cloud(folder: Path, progress: Progress) -> Iterator[Stack]:
    """A local cloud under `folder`, with the app deployed in it; it ends when we do, whatever happens."""
    try:
        progress.say("starting the local cloud")
        endpoint = start(folder, free_port(), persist=False)
        progress.say("packaging and deploying the app")
        yield deploy(endpoint, folder / "build", {"ShopUrl": SHOP_URL})
    finally:
        for asked in STOPS:  # a second Ctrl-C must not leave the emulator behind
            signal.signal(asked, signal.SIG_IGN)
        progress.say("stopping the local cloud")
        stop(folder)


def run(progress: Progress) -> str:
    """Plays the shop, prints its books; the last line. Raises what went wrong."""
    with tempfile.TemporaryDirectory(prefix="fenrun-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with cloud(folder, progress) as stack, Simulator(datetime.now(UTC)) as providers:
            play = Play(stack, bootstrap(stack, folder / "credentials.json"), providers, progress)
            play.people_join()
            play.customers_come()
            play.days_pass()
            progress.say("comparing the books with the shop's own list")
            seen = books.look(play)
            progress.clear()
            print("\n" + books.tables(play, seen))
            books.check(play, seen)
            print(books.told(play))
        progress.clear()
    counts = f"orders={seen.proof['orders']} entries={seen.proof['entries']} payouts={len(seen.payouts)}"
    return f"demo: ok {counts} imbalance=0 seconds={progress.seconds:.0f}"


def main() -> int:
    for asked in STOPS:
        signal.signal(asked, _interrupted)
    progress = Progress()
    try:
        last = run(progress)
    except KeyboardInterrupt:
        last = "demo: failed: interrupted"
    except FORESEEN as error:
        last = f"demo: failed: {' '.join(str(error).split())}"
    except Exception as error:
        traceback.print_exc()
        last = f"demo: failed: {type(error).__name__}: {' '.join(str(error).split())}"
    progress.clear()
    print(last, flush=True)
    return 0 if last.startswith("demo: ok") else 1


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

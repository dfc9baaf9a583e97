"""The local cloud: MiniStack with the packaged app in it. `python -m local.cloud up|down`."""

import os
import sys
import time
from pathlib import Path

from local.bootstrap import bootstrap
from local.emulator import free_port, start, stop
from local.package import ROOT, CloudError
from local.stack import Stack, deploy, describe, invoke, scheduled_event

__all__ = ["CloudError", "Stack", "deploy", "describe", "free_port", "invoke", "scheduled_event", "start", "stop"]

STATE = ROOT / ".local"
SHOP_URL = "https://shop.example/"
"""Where the links of the development stack lead, unless FENRUN_SHOP_URL says otherwise."""


def up(state_dir: Path = STATE, port: int | None = None, persist: bool = True) -> Stack:
    """Start the local cloud and deploy the app of this working copy into it."""
    endpoint = start(state_dir, port or int(os.environ.get("FENRUN_PORT", "4566")), persist)
    return deploy(endpoint, state_dir / "build", {"ShopUrl": os.environ.get("FENRUN_SHOP_URL", SHOP_URL)})


def main(command: str) -> None:
    began = time.monotonic()
    if command == "up":
        stack = up()
        rows = {"base URL": stack.base_url, **bootstrap(stack, STATE / "credentials.json")}
        for label, value in rows.items():
            print(f"{label:12} {value}")
        print(f"up in {time.monotonic() - began:.1f} s; log in .local/ministack.log; `make down` stops it")
    elif command == "down":
        print("the local cloud is down; its data stays in .local/" if stop(STATE) else "no local cloud was running")
    else:
        raise CloudError("usage: python -m local.cloud up|down")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) == 2 else "")
    except CloudError as error:
        sys.exit(f"local cloud: {error}")

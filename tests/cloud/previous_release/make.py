"""How the sample in this folder was made: a release, checked out somewhere, was deployed on MiniStack and lived a while.

    git worktree add <folder> <release>
    python -m tests.cloud.previous_release.make <folder> <release>

Kept is what an upgrade meets: the release's template, and a copy of its stage as `make backup` takes one.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import emulator
from local.account import local_account
from local.backup import backup
from local.copies import read_manifest
from local.deploy import deploy
from local.package import template
from local.stack import describe
from tests.cloud.life import live, shop_of

HERE = Path(__file__).parent
STAGE = "previous"
PASSPHRASE = "a small life of the release before"

PACKAGE = "import sys; from pathlib import Path; from local.package import package; print(package(Path(sys.argv[1])))"
PEOPLE = """
import sys
from pathlib import Path
from local import stack
from local.bootstrap import bootstrap
stack.NAME = sys.argv[2]
bootstrap(stack.describe(sys.argv[1]), Path(sys.argv[3]))
"""


def in_release(checkout: Path, script: str, *arguments: str) -> str:
    """Runs a script with the release's own code; what it printed."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=checkout, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def main(checkout: Path, release: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        endpoint = emulator.start(folder / "cloud", emulator.free_port(), persist=False)
        try:
            account = local_account(endpoint)
            out = Path(in_release(checkout, PACKAGE, str(folder / "build")))
            deploy(account, STAGE, out, {"TIME_ZONE": "Asia/Shanghai", "SHOP_URL": "https://shop.example/"})
            made = folder / "credentials.json"
            in_release(checkout, PEOPLE, endpoint, f"fenrun-{STAGE}", str(made))
            credentials = json.loads(made.read_text())["rows"]
            shop = shop_of(describe(endpoint, f"fenrun-{STAGE}"), credentials)
            live(shop)
            backup(account, STAGE, folder / "copy", PASSPHRASE)
            shutil.rmtree(HERE / "copy", ignore_errors=True)
            shutil.copytree(folder / "copy", HERE / "copy")
            found = {"release": release, "credentials": credentials, "verified": shop.verified()}
            (HERE / "lived.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            (HERE / "template.json").write_text(json.dumps(template(out), indent=1) + "\n")
        finally:
            emulator.stop(folder / "cloud")
    for table in read_manifest(HERE / "copy").tables:
        packed = HERE / "copy" / f"{table}.jsonl.gz"
        (HERE / "copy" / f"{table}.jsonl").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

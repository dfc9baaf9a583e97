"""`chalice package`, without the wheels: the local functions run on this interpreter and see its site-packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"

CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
OFFLINE = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class CloudError(Exception):
    """A plain reason why the local cloud cannot do what was asked."""


def package(build: Path) -> Path:
    """Package a code-only copy of the app under `build`; the folder returned holds sam.yaml and deployment.zip."""
    app, out = build / "app", build / "out"
    shutil.rmtree(build, ignore_errors=True)
    app.mkdir(parents=True)
    shutil.copy(ROOT / "app.py", app)
    shutil.copytree(ROOT / "chalicelib", app / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".chalice", app / ".chalice", ignore=shutil.ignore_patterns("deployments", "venv"))
    (app / "requirements.txt").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, "package", "--merge-template", ".chalice/resources.yaml", str(out.resolve())],
        cwd=app,
        env={**os.environ, **OFFLINE},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise CloudError(f"chalice package failed:\n{done.stdout}{done.stderr}")
    return out


def template(out: Path) -> dict[str, Any]:
    """The packaged SAM template. Chalice writes YAML with anchors; loading it flattens them."""
    loaded: dict[str, Any] = yaml.safe_load((out / "sam.yaml").read_text())
    return loaded


def package_for_aws(out: Path, region: str) -> Path:
    """Package the app with the wheels its functions need on AWS into `out`, and return it. Chalice keeps what it built in
    `.chalice/deployments` for the next time."""
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, "package", "--merge-template", ".chalice/resources.yaml", str(out)],
        cwd=ROOT,
        env={**os.environ, "AWS_DEFAULT_REGION": region},
        timeout=900,
    )
    if done.returncode:
        raise CloudError("chalice package failed: see above")
    return out

"""The packaged template, before and after the SAM translation, built once for all tests here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.package import REGION, package, template

CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("package") / "build")


@pytest.fixture(scope="session")
def sam(out: Path) -> dict[str, Any]:
    return template(out)


@pytest.fixture(scope="session")
def cloudformation(out: Path) -> dict[str, Any]:
    """What CloudFormation makes of the SAM template, without asking AWS."""
    source = template(out)
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    translated: dict[str, Any] = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(
        source, {}
    )
    return translated


@pytest.fixture(scope="session")
def lint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    def run(document: dict[str, Any]) -> str:
        """What cfn-lint finds; nothing is an empty string."""
        path = tmp_path_factory.mktemp("lint") / "template.json"
        path.write_text(json.dumps(document))
        done = subprocess.run(
            [sys.executable, "-c", CFN_LINT, "--regions", REGION, "--", str(path)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        return (done.stdout + done.stderr).strip() if done.returncode else ""

    return run

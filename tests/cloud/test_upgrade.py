"""The release before, with data in its tables, becomes this one: the books say the same, and what was under way goes on."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from local.account import Account
from local.change_sets import state
from local.deploy import deploy, stack_of
from local.restore import restore
from local.stack import describe
from tests.cloud.life import goes_on, pays_again, shop_of
from tests.cloud.previous_release.make import HERE, PASSPHRASE


def silent(_: str) -> None:
    """Says nothing."""


def release_before(folder: Path) -> Path:
    """Its template; of its code the names alone: functions that answer nothing, and so change nothing."""
    template = json.loads((HERE / "template.json").read_text())
    modules: dict[str, list[str]] = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            module, _, name = resource["Properties"]["Handler"].rpartition(".")
            modules.setdefault(module.replace(".", "/"), []).append(name)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        for module, names in modules.items():
            file.writestr(f"{module}.py", "".join(f"def {name}(event, context):\n    return None\n" for name in names))
    folder.mkdir()
    (folder / "deployment.zip").write_bytes(code.getvalue())
    (folder / "sam.yaml").write_text(json.dumps(template))
    return folder


def test_the_books_of_the_release_before_go_on(account: Account, packaged: Path, tmp_path: Path) -> None:
    before = json.loads((HERE / "lived.json").read_text())
    old = deploy(account, "old", release_before(tmp_path / "before"), {"SHOP_URL": "https://shop.example/"}, silent)
    restore(account, "old", HERE / "copy", PASSPHRASE, silent)

    new = deploy(account, "old", packaged, {}, silent)

    tables = {name for name, (kind, _) in old.resources.items() if kind == "AWS::DynamoDB::Table"}
    assert {name: new.resources[name] for name in tables} == {name: old.resources[name] for name in tables}
    assert new == state(account, stack_of("old"))
    shop = shop_of(describe(account.client("s3").meta.endpoint_url, stack_of("old")), before["credentials"])
    goes_on(shop, before["verified"])
    pays_again(shop)

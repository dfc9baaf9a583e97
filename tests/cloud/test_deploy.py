"""A stage from nothing: deployed, changed, copied into another, destroyed and taken back, and its books stay the same."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs

import local.destroy
from local.account import Account
from local.backup import backup
from local.bootstrap import bootstrap
from local.change_sets import state
from local.copies import read_items, read_manifest
from local.deploy import deploy, stack_of
from local.destroy import destroy
from local.kept import recorded, take_back
from local.package import CloudError
from local.restore import restore
from local.stack import describe
from tests.cloud.life import Shop, goes_on, live, pays_again, shop_of
from tests.containers import CREDENTIALS, forget

VARIABLES = {"TIME_ZONE": "Asia/Shanghai", "SHOP_URL": "https://shop.example/"}
PASSPHRASE = "only for this one test"


def silent(_: str) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def people(account: Account, packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The stage `shop`, with its staff and an API key."""
    deploy(account, "shop", packaged, VARIABLES, silent)
    stack = describe(account.client("s3").meta.endpoint_url, stack_of("shop"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**stack.environment, **CREDENTIALS}.items():
            patch.setenv(name, value)
        made = bootstrap(stack, tmp_path_factory.mktemp("people") / "credentials.json")
    forget()
    return made


def shop_at(account: Account, stage: str, people: dict[str, str]) -> Shop:
    return shop_of(describe(account.client("s3").meta.endpoint_url, stack_of(stage)), people)


@pytest.fixture(scope="module")
def lived(account: Account, people: dict[str, str]) -> Any:
    """What the proof says of the stage `shop` after its small life."""
    shop = shop_at(account, "shop", people)
    live(shop)
    return shop.verified()


def test_deploying_the_same_again_changes_nothing(account: Account, packaged: Path, lived: Any) -> None:
    said: list[str] = []

    before = state(account, "fenrun-shop")
    after = deploy(account, "shop", packaged, {}, said.append)

    assert after == before
    assert "fenrun-shop is up to date: nothing to change" in said
    assert after.parameters["ShopUrl"] == VARIABLES["SHOP_URL"]


def test_what_is_given_later_changes_and_the_rest_stays(account: Account, packaged: Path, lived: Any) -> None:
    after = deploy(
        account, "shop", packaged, {"SHOP_URL": "https://tea.example/", "TIME_ZONE": "Asia/Shanghai"}, silent
    )

    assert (after.parameters["ShopUrl"], after.parameters["TimeZone"]) == ("https://tea.example/", "Asia/Shanghai")
    assert after.parameters["Stage"] == "shop"


def test_the_days_stay_where_they_are_once_there_are_orders(account: Account, packaged: Path, lived: Any) -> None:
    with pytest.raises(CloudError, match="TIME_ZONE stays Asia/Shanghai"):
        deploy(account, "shop", packaged, {"TIME_ZONE": "Asia/Tokyo"}, silent)


@pytest.mark.parametrize(
    ("stage", "variables", "why"),
    [("Prod", {}, "STAGE="), ("", {}, "STAGE="), ("new", {"TIME_ZONE": "Asia/Atlantis"}, "no IANA zone")],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    account: Account, packaged: Path, stage: str, variables: dict[str, str], why: str
) -> None:
    with pytest.raises(CloudError, match=why):
        deploy(account, stage, packaged, variables, silent)
    assert state(account, "fenrun-new") is None


@pytest.fixture
def broken(packaged: Path, tmp_path: Path) -> Path:
    """A package with one resource that cannot be made."""
    out = Path(shutil.copytree(packaged, tmp_path / "broken"))
    template = yaml.safe_load((out / "sam.yaml").read_text())
    template["Resources"]["Wrong"] = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 99_999_999}}
    (out / "sam.yaml").write_text(yaml.safe_dump(template))
    return out


def test_an_update_that_fails_says_what_failed_and_leaves_the_stage_as_it_was(
    account: Account, broken: Path, people: dict[str, str], lived: Any
) -> None:
    with pytest.raises(CloudError, match="what failed first is Wrong: "):
        deploy(account, "shop", broken, {}, silent)

    assert shop_at(account, "shop", people).verified() == lived


def test_a_first_deployment_that_fails_goes_on_where_it_stopped(account: Account, packaged: Path, broken: Path) -> None:
    with pytest.raises(CloudError, match="what failed first is Wrong: "):
        deploy(account, "again", broken, VARIABLES, silent)
    stopped = state(account, "fenrun-again")
    assert stopped is not None and stopped.status == "CREATE_FAILED"

    after = deploy(account, "again", packaged, {}, silent)

    assert after.resources["LedgerTable"] == stopped.resources["LedgerTable"]
    assert after.parameters["ShopUrl"] == VARIABLES["SHOP_URL"]


def rules(account: Account, stage: str) -> dict[str, bool]:
    """The rules of a stage, and whether their clocks run."""
    now = state(account, stack_of(stage))
    assert now is not None
    named = sorted(physical for kind, physical in now.resources.values() if kind == "AWS::Events::Rule")
    events = account.client("events")
    return {name: events.describe_rule(Name=name)["State"] == "ENABLED" for name in named}


def test_a_copy_becomes_another_stage_that_lives_on(
    account: Account, packaged: Path, people: dict[str, str], lived: Any, tmp_path: Path
) -> None:
    manifest = backup(account, "shop", tmp_path / "copy", PASSPHRASE, silent)
    assert manifest.exact
    secret = account.client("secretsmanager").get_secret_value(SecretId=manifest.app_secret)["SecretString"]
    for each in (tmp_path / "copy").rglob("*"):
        assert each.is_dir() or secret.encode() not in each.read_bytes()
    deploy(account, "twin", packaged, VARIABLES, silent)

    said: list[str] = []
    restore(account, "twin", tmp_path / "copy", PASSPHRASE, said.append)

    still = [name for name, enabled in rules(account, "twin").items() if not enabled]
    assert [name.partition("-")[2].partition("-")[2][:6] for name in still] == ["Settle", "Submit"]
    assert [line.rpartition(" ")[2] for line in said[-2:]] == still
    twin = shop_at(account, "twin", people)
    goes_on(twin, lived)
    pays_again(twin)
    assert shop_at(account, "shop", people).verified() == lived


def test_a_copy_goes_into_empty_tables_only(
    account: Account, people: dict[str, str], lived: Any, tmp_path: Path
) -> None:
    backup(account, "shop", tmp_path / "copy", say=silent)

    with pytest.raises(CloudError, match="in use: AuditTable, CustomersTable"):
        restore(account, "shop", tmp_path / "copy", say=silent)


def test_a_copy_that_was_altered_is_noticed(account: Account, packaged: Path, lived: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    backup(account, "shop", copy, say=silent)
    items = list(read_items(copy, "LedgerTable"))
    items[0]["amount" if "amount" in items[0] else "version"] = {"N": "7"}
    (copy / "LedgerTable.jsonl.gz").unlink()
    (copy / "LedgerTable.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    deploy(account, "altered", packaged, VARIABLES, silent)

    with pytest.raises(CloudError, match="LedgerTable holds other items than the copy"):
        restore(account, "altered", copy, say=silent)


def test_a_restore_that_was_interrupted_goes_on(
    account: Account, packaged: Path, people: dict[str, str], lived: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    backup(account, "shop", copy, say=silent)
    deploy(account, "halfway", packaged, VARIABLES, silent)
    whole = (copy / "PayoutsTable.jsonl.gz").read_bytes()
    (copy / "PayoutsTable.jsonl.gz").unlink()
    with pytest.raises(FileNotFoundError):
        restore(account, "halfway", copy, say=silent)

    (copy / "PayoutsTable.jsonl.gz").write_bytes(whole)
    restore(account, "halfway", copy, say=silent)

    assert shop_at(account, "halfway", people).verified() == lived
    assert read_manifest(copy).proof.entries == lived["entries"]


def test_destroying_asks_for_the_name_again(account: Account, lived: Any) -> None:
    for confirmed in ("", "prod"):
        with pytest.raises(CloudError, match="CONFIRM=shop"):
            destroy(account, "shop", confirmed, silent)
    with pytest.raises(CloudError, match="there is no stack fenrun-nowhere"):
        destroy(account, "nowhere", "nowhere", silent)
    assert state(account, "fenrun-shop") is not None


def test_nothing_is_destroyed_that_would_not_be_remembered(
    account: Account, lived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the last deployment, which made a table, had been cut off before it was noted."""
    kept = recorded(account, "fenrun-shop")
    assert kept is not None
    known = {name: physical for name, physical in kept.resources.items() if name != "InboxTable"}
    monkeypatch.setattr(local.destroy, "recorded", lambda *_: structs.replace(kept, resources=known))

    with pytest.raises(CloudError, match="nothing would remember InboxTable"):
        destroy(account, "shop", "shop", silent)
    assert state(account, "fenrun-shop") is not None


def test_an_empty_stack_is_not_taken_for_what_is_kept(account: Account, lived: Any) -> None:
    """As a rolled back import leaves it."""
    kept, now = recorded(account, "fenrun-shop"), state(account, "fenrun-shop")
    assert kept is not None and now is not None
    empty = replace(now, status="IMPORT_ROLLBACK_COMPLETE", resources={})

    with pytest.raises(CloudError, match="does not hold what was kept"):
        take_back(account, "fenrun-shop", kept, empty, silent)


def test_what_was_destroyed_is_taken_back_with_its_books(
    account: Account, packaged: Path, people: dict[str, str], lived: Any
) -> None:
    said: list[str] = []
    before = state(account, "fenrun-shop")
    assert before is not None

    destroy(account, "shop", "shop", said.append)

    assert state(account, "fenrun-shop") is None
    table = before.resources["LedgerTable"][1]
    assert account.client("dynamodb").describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"] is True
    assert any(table in line for line in said) and any("costs about $" in line for line in said)
    with pytest.raises(CloudError, match="TIME_ZONE stays"):
        deploy(account, "shop", packaged, {"TIME_ZONE": "Asia/Tokyo"}, silent)

    after = deploy(account, "shop", packaged, {}, said.append)

    kept = {name for name, (kind, _) in before.resources.items() if kind == "AWS::DynamoDB::Table"} - {"TransientTable"}
    assert {name: after.resources[name] for name in kept} == {name: before.resources[name] for name in kept}
    assert after.parameters == before.parameters
    shop = shop_at(account, "shop", people)
    goes_on(shop, lived)
    pays_again(shop)

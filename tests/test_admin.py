"""The operator's command line."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import NoRegionError

from chalicelib.domain.errors import NotAuthenticated
from chalicelib.flows import sessions
from chalicelib.flows.api_keys import identify_key
from chalicelib.store import access
from local import admin
from local.package import CloudError


def test_a_key_is_made_and_ended(
    tables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(admin, "use_stack", lambda stack, endpoint: None)
    admin.main(["key", "--name", "shop", "--scopes", "orders:write"])
    key = capsys.readouterr().out.strip()
    assert identify_key(key)

    monkeypatch.setattr(admin.getpass, "getpass", lambda prompt: f" {key} ")
    admin.main(["revoke"])
    access.forget()

    assert identify_key(key) is None
    assert key not in capsys.readouterr().out
    monkeypatch.setattr(admin.getpass, "getpass", lambda prompt: "fk_never_made")
    with pytest.raises(CloudError, match="never made"):
        admin.main(["revoke"])


def test_somebody_is_given_another_password_and_signed_out(
    tables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(admin, "use_stack", lambda stack, endpoint: None)
    admin.main(["staff", "--name", "Lin", "--email", "lin@shop.example", "--roles", "ops"])
    first = capsys.readouterr().out.split("password: ")[1].strip()
    now = datetime.now(UTC)
    before = sessions.log_in("lin@shop.example", first, now)

    admin.main(["password", "--email", "Lin@Shop.example"])

    said = capsys.readouterr().out
    second = said.split("password: ")[1].strip()
    assert "signed out" in said and second != first
    with pytest.raises(NotAuthenticated):
        sessions.refresh(before.refresh_token, now)
    with pytest.raises(NotAuthenticated):
        sessions.log_in("lin@shop.example", first, now)
    assert sessions.log_in("lin@shop.example", second, now + timedelta(seconds=2)).subject == before.subject
    with pytest.raises(CloudError, match="nobody signs in"):
        admin.main(["password", "--email", "nobody@shop.example"])


def test_the_region_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str | None]] = []

    def session(**named: str | None) -> None:
        asked.append(named)
        raise NoRegionError

    monkeypatch.setattr(admin.boto3, "Session", session)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for region in ("ap-east-1", None):
        with pytest.raises(CloudError, match="fenrun-prod"):
            admin.use_stack("fenrun-prod", None, region)

    assert asked == [{"region_name": "ap-east-1"}, {"region_name": "eu-west-1"}]

"""The operator's command line."""

import pytest

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

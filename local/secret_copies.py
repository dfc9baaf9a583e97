"""The secrets of a stage in a copy: sealed under a passphrase, or not in it at all but left where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec import Struct, json

from local.account import Account
from local.copies import Manifest
from local.package import CloudError

_FILE = "secrets.sealed"
_SALT, _NONCE = 16, 12
SHORTEST = 16
"""Letters of a passphrase: who has the folder can try as many as he likes."""


class Secrets(Struct, frozen=True):
    """The application's secret, and what stands under each connection's id and version."""

    app: str
    connections: list[tuple[str, str, str]]


def read(account: Account, stack: str, app_secret: str, connections: list[tuple[str, str]]) -> Secrets:
    """The secrets of a stage in this account. Raises CloudError if one cannot be read."""
    client = account.client("secretsmanager")
    try:
        app: str = client.get_secret_value(SecretId=app_secret)["SecretString"]
        found = [
            (each, version, _value(client, f"{stack}/connections/{each}", version)) for each, version in connections
        ]
    except ClientError as error:
        raise CloudError(f"the secrets of {stack} cannot be read: {error}") from error
    return Secrets(app, found)


def _value(client: Any, name: str, version: str) -> str:
    value: str = client.get_secret_value(SecretId=name, VersionId=version)["SecretString"]
    return value


def seal(folder: Path, secrets: Secrets, passphrase: str) -> None:
    """Writes them into the folder, to be opened with the passphrase only."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    hidden = AESGCM(_key(passphrase, salt)).encrypt(nonce, json.encode(secrets), b"fenrun/backup/1")
    (folder / _FILE).write_bytes(salt + nonce + hidden)


def of_copy(account: Account, folder: Path, manifest: Manifest, passphrase: str) -> Secrets:
    """The copy's own secrets if there are any, else those of its stage if they still stand in this account.

    Raises CloudError if they cannot be had: without them what was sealed for payees would be unreadable for ever.
    """
    path = folder / _FILE
    if not path.exists() or not passphrase:
        return read(account, manifest.stack, manifest.app_secret, manifest.connection_secrets)
    sealed = path.read_bytes()
    try:
        opened = AESGCM(_key(passphrase, sealed[:_SALT])).decrypt(
            sealed[_SALT : _SALT + _NONCE], sealed[_SALT + _NONCE :], b"fenrun/backup/1"
        )
    except InvalidTag:
        raise CloudError("the passphrase does not open the secrets of this copy") from None
    return json.decode(opened, type=Secrets)


def give(account: Account, stack: str, app_secret: str, secrets: Secrets) -> None:
    """Makes them the secrets of this stage: connections ask for the very version that their items name."""
    client = account.client("secretsmanager")
    client.put_secret_value(SecretId=app_secret, SecretString=secrets.app)
    for connection, version, value in secrets.connections:
        name = f"{stack}/connections/{connection}"
        try:
            _value(client, name, version)
            continue
        except client.exceptions.ResourceNotFoundException:
            pass
        try:
            client.create_secret(Name=name, SecretString=value, ClientRequestToken=version)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=version)


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(passphrase.encode())

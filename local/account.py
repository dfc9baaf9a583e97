"""The AWS account and region to deploy into, by the ordinary credentials and environment; the local cloud is one of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.package import REGION, CloudError

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
"""Of the local cloud."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Account:
    """Makes clients. `endpoint` is given for the local cloud; else AWS_ENDPOINT_URL says it, or there is none."""

    session: boto3.Session
    endpoint: str | None = None

    def client(self, service: str) -> Any:
        """A client patient enough for a long run of a function; what it sends is sent once unless AWS is busy."""
        attempts = 1 if self.is_local else 5
        config = Config(read_timeout=900, retries={"total_max_attempts": attempts, "mode": "standard"})
        return self.session.client(service, endpoint_url=self.endpoint, config=config)

    @cached_property
    def is_local(self) -> bool:
        """Whether this is the local cloud: its functions run on this machine's interpreter, and nothing there is TLS."""
        url = self.session.client("sts", endpoint_url=self.endpoint).meta.endpoint_url
        return urlsplit(url).hostname in _LOOPBACK

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @cached_property
    def number(self) -> str:
        """The account's twelve digits. Raises CloudError, in plain words, if nobody is let in."""
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (ClientError, BotoCoreError) as error:
            raise CloudError(f"AWS does not let these credentials in: {error}") from error


def local_account(endpoint: str) -> Account:
    """The local cloud that listens at `endpoint`."""
    return Account(boto3.Session(**CREDENTIALS), endpoint)


def account_of_environment(region: str | None = None) -> Account:
    """What AWS_PROFILE, AWS_ENDPOINT_URL and the like say, as every AWS tool reads them. Raises CloudError for no region."""
    try:
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        if not session.region_name:
            raise CloudError("no region is set: give REGION=… or set AWS_DEFAULT_REGION")
        if session.get_credentials() is None and Account(session).is_local:
            return Account(boto3.Session(**{**CREDENTIALS, "region_name": session.region_name}))
    except BotoCoreError as error:
        raise CloudError(str(error)) from error
    return Account(session)

"""What the deployment tells the code: the environment, read once, as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

_NAMES = (
    "DISTRIBUTORS_TABLE",
    "CUSTOMERS_TABLE",
    "ORDERS_TABLE",
    "LEDGER_TABLE",
    "PAYOUTS_TABLE",
    "SETTINGS_TABLE",
    "AUDIT_TABLE",
    "TRANSIENT_TABLE",
    "INBOX_TABLE",
    "CONNECTION_SECRETS",
    "FILES_BUCKET",
    "SECRET_ARN",
    "REPLAY_FUNCTION",
    "REPAIR_FUNCTION",
    "SETTLEMENTS_QUEUE",
    "DISCARDED_RECORDS",
    "SCHEDULE_FAILURES",
    "SETTLEMENT_FAILURES",
    "TIME_ZONE",
    "SHOP_URL",
    "STAGE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)


class NotConfigured(LookupError):
    """An environment variable that this deployment needs is missing: a fault of the deployment, not of a caller."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Each value is asked for when it is needed, so a function runs without the names that it never uses."""

    environment: Mapping[str, str]

    def _needed(self, name: str) -> str:
        value = self.environment.get(name)
        if not value:
            raise NotConfigured(f"the environment variable {name} is not set; .chalice/resources.yaml sets it")
        return value

    @property
    def distributors_table(self) -> str:
        return self._needed("DISTRIBUTORS_TABLE")

    @property
    def customers_table(self) -> str:
        return self._needed("CUSTOMERS_TABLE")

    @property
    def orders_table(self) -> str:
        return self._needed("ORDERS_TABLE")

    @property
    def ledger_table(self) -> str:
        return self._needed("LEDGER_TABLE")

    @property
    def payouts_table(self) -> str:
        return self._needed("PAYOUTS_TABLE")

    @property
    def settings_table(self) -> str:
        return self._needed("SETTINGS_TABLE")

    @property
    def audit_table(self) -> str:
        return self._needed("AUDIT_TABLE")

    @property
    def transient_table(self) -> str:
        return self._needed("TRANSIENT_TABLE")

    @property
    def inbox_table(self) -> str:
        return self._needed("INBOX_TABLE")

    @property
    def connection_secrets(self) -> str:
        """What the names of connections' secrets begin with."""
        return self._needed("CONNECTION_SECRETS")

    @property
    def files_bucket(self) -> str:
        return self._needed("FILES_BUCKET")

    @property
    def secret_arn(self) -> str:
        return self._needed("SECRET_ARN")

    @property
    def replay_function(self) -> str:
        """The name of the function that carries out replays."""
        return self._needed("REPLAY_FUNCTION")

    @property
    def settlements_queue(self) -> str:
        """The URL of the queue through which a settlement's parts go."""
        return self._needed("SETTLEMENTS_QUEUE")

    @property
    def repair_function(self) -> str:
        """The name of the function that compares the books with what they rest on."""
        return self._needed("REPAIR_FUNCTION")

    @property
    def discarded_records(self) -> str:
        """The bucket that keeps the changes of orders that were given up on."""
        return self._needed("DISCARDED_RECORDS")

    @property
    def schedule_failures(self) -> str:
        """The URL of the queue that keeps the runs of functions that failed every try."""
        return self._needed("SCHEDULE_FAILURES")

    @property
    def settlement_failures(self) -> str:
        """The URL of the queue that keeps the parts of settlements that failed every try."""
        return self._needed("SETTLEMENT_FAILURES")

    @property
    def region(self) -> str:
        return self.environment.get("AWS_REGION") or self._needed("AWS_DEFAULT_REGION")

    @property
    def time_zone(self) -> str:
        return self.environment.get("TIME_ZONE") or "Asia/Shanghai"

    @property
    def shop_url(self) -> str:
        """Where links lead; empty until the operator says so."""
        return self.environment.get("SHOP_URL") or ""

    @property
    def stage(self) -> str:
        return self.environment.get("STAGE") or "dev"


@cache
def settings() -> Settings:
    """The settings of this container. Tests that change the environment call `settings.cache_clear()`."""
    return Settings(MappingProxyType({name: os.environ[name] for name in _NAMES if name in os.environ}))

from collections.abc import Iterator

import pytest

from tests.flows.money_out import fresh_cloud


@pytest.fixture
def cloud() -> Iterator[None]:
    """The deployment's tables and bucket, empty."""
    with fresh_cloud():
        yield

from collections.abc import Iterator

import pytest

from chalicelib.rails import paypal
from tests.rails.paying import BALANCE, RAILS
from tests.rails.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """The simulated providers, each with the same US dollars of ours; no token is held from before."""
    paypal._tokens.clear()
    with Simulator() as running:
        for name in RAILS:
            running.top_up(name, "USD", BALANCE)
        yield running

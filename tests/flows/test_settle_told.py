"""A settlement tells of each payout that it makes, under its own run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.observe import logger
from tests.flows.money_out import METHOD, RUN, earned, fresh_cloud, joined, plan, run


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(vars(record))  # type: ignore[method-assign]
    logger._logger.addHandler(handler)
    with fresh_cloud():
        yield found
    logger._logger.removeHandler(handler)


def test_each_payout_of_a_run_is_told_with_its_distributor_and_its_run(told: list[dict[str, Any]]) -> None:
    plan()
    for name in ("d_1", "d_2"):
        earned(joined(name, {"default": METHOD}), 5000)

    assert run().state == "filed"

    lines = [each for each in told if each["msg"] == "payout"]
    assert sorted((each["distributor"], each["run"]) for each in lines) == [("d_1", RUN), ("d_2", RUN)]

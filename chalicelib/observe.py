"""What a container says about itself: one logger, one set of metrics, and the frame around a request or an event."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

Answer = TypeVar("Answer")
Dimensions = tuple[tuple[str, str], ...]

# Chalice logs under the app's name. It is the same name, so the app is made with configure_logs=False, or every line
# would come out twice.
logger = Logger(service="fenrun", log_uncaught_exceptions=False, serialize_stacktrace=False)
# By stack, so that two stages in one account do not ring each other's alarms.
metrics = Metrics(namespace="Fenrun", service=os.environ.get("POWERTOOLS_SERVICE_NAME") or "fenrun")
_counted: dict[Dimensions, dict[str, int]] = {}


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Adds to a metric; it leaves the container at the end of the request or event, as one figure. Nothing is not sent.

    Amounts are minor units of the dimension `currency`. The READMEs list every metric with its dimensions.
    """
    if value:
        figures = _counted.setdefault(tuple(sorted(dimensions.items())), {})
        figures[name] = figures.get(name, 0) + value


def flush() -> None:
    """Sends what was counted since the last flush, a line for each set of dimensions; nothing counted is no line."""
    while _counted:
        dimensions, figures = _counted.popitem()
        for name, value in dimensions:
            metrics.add_dimension(name, value)
        for name, figure in figures.items():
            metrics.add_metric(name, "Count", figure)
        if metrics.metric_set:
            metrics.flush_metrics()
        metrics.clear_metrics()


@contextmanager
def framed(correlation_id: str | None, **names: Any) -> Iterator[None]:
    """Every line inside carries these names; at the end what was counted is sent, and the names are forgotten.

    The correlation id is the one thing that a request and all that follows from it have in common: it stands in the order's
    item and in the payout, and whoever goes on with them logs it.
    """
    logger.thread_safe_append_keys(correlation_id=correlation_id, **names)
    try:
        yield
    finally:
        flush()
        logger.thread_safe_clear_keys()


def named(**names: Any) -> None:
    """Adds names to the lines that follow in this frame."""
    logger.thread_safe_append_keys(**names)


@contextmanager
def following(correlation_id_: str) -> Iterator[None]:
    """What is done inside follows from something else than this frame: from a delivery that was kept."""
    before = correlation_id()
    named(correlation_id=correlation_id_)
    try:
        yield
    finally:
        named(correlation_id=before)


def correlation_id() -> str | None:
    """The id of what is going on here; None outside of a frame."""
    found: str | None = logger.thread_safe_get_current_keys().get("correlation_id")
    return found


def observed(function: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Frames an event function of a stream or schedule, which runs without the app and so without its middleware.

    Names the function and the run on every log line, logs an error once, raises it again, always sends metrics. AWS counts
    the errors of functions by itself.
    """

    @functools.wraps(function)
    def observing(event: Any) -> Answer:
        context = getattr(event, "context", None)
        name = getattr(context, "function_name", function.__name__)
        with framed(getattr(context, "aws_request_id", None), function_name=name):
            try:
                return function(event)
            except Exception:
                logger.exception("%s failed", function.__name__)
                raise

    return observing

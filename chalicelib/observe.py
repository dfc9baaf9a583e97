"""What a container says about itself: one logger, one set of metrics, and the frame around an event function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

Answer = TypeVar("Answer")

# Chalice logs under the app's name. It is the same name, so the app is made with configure_logs=False, or every line
# would come out twice.
logger = Logger(service="fenrun", log_uncaught_exceptions=False)
metrics = Metrics(namespace="Fenrun", service="fenrun")


def count(name: str, value: int = 1) -> None:
    """Adds to a business metric; it leaves the container at the end of the request or event."""
    metrics.add_metric(name=name, unit="Count", value=value)


def flush() -> None:
    """Sends what was counted since the last flush; nothing counted is no line."""
    if metrics.metric_set:
        metrics.flush_metrics()


def observed(function: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Frames an event function of a stream or schedule, which runs without the app and so without its middleware.

    Names the function and the request on every log line, logs an error once, raises it again, always sends metrics.
    """

    @functools.wraps(function)
    def framed(event: Any) -> Answer:
        context = getattr(event, "context", None)
        logger.append_keys(
            function_name=getattr(context, "function_name", function.__name__),
            correlation_id=getattr(context, "aws_request_id", None),
        )
        try:
            return function(event)
        except Exception:
            logger.exception("%s failed", function.__name__)
            count("EventFailures")
            raise
        finally:
            flush()

    return framed

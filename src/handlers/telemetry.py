"""The logger and the metrics of all functions: JSON lines, and CloudWatch's embedded metric format."""

from __future__ import annotations

import logging

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger = Logger()
"""Powertools' logger; the adapters' own loggers report through it."""

_adapters = logging.getLogger("adapters")
_adapters.handlers = [logger.registered_handler]
_adapters.propagate = False


def count(name: str, value: float = 1, *, unit: MetricUnit = MetricUnit.Count, reason: str | None = None) -> None:
    """Emit one metric, with the dimension Reason when there is one."""
    with single_metric(name=name, unit=unit, value=value) as metric:
        if reason:
            metric.add_dimension(name="Reason", value=reason)

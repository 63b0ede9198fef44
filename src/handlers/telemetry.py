"""The logger and the metrics of all functions: JSON lines, and CloudWatch's embedded metric format."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from handlers.log_format import Formatter
from handlers.start import ready

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Handler = Callable[[dict[str, Any], "LambdaContext"], Any]

logger = Logger(logger_formatter=Formatter())
"""Powertools' logger; the adapters, the libraries and Python's warnings report through it, with the same ids."""

_stdout: Any = logger.registered_handler
_formatter: Any = logger.registered_formatter
_logger = logging.getLogger(logger.service)

LIBRARIES = ("adapters", "aws_lambda_powertools", "boto3", "botocore", "psycopg", "py.warnings", "urllib3")
IDS = ("correlation_id", "function_request_id")

logging.captureWarnings(capture=True)
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line tells of them
for _name in ("botocore.configprovider", "botocore.credentials"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below, they tell at every start where they found something
for _name in LIBRARIES:
    _library = logging.getLogger(_name)
    _library.handlers = [_stdout]
    _library.propagate = False


def function(handle: Handler) -> Handler:
    """Return a Lambda handler whose log lines carry the ids of its invocation. With it, INIT ends."""
    ready()
    return logger.inject_lambda_context(clear_state=True)(handle)


def answered(route: str, status: int) -> None:
    """Log that a request was answered: a line of every request, so it is written without the cost of a record."""
    if _logger.isEnabledFor(logging.INFO):
        line = _formatter.line("INFO", None, "answered", time.time(), {"route": route, "status": status})
        with _stdout.lock:
            _stdout.stream.write(f"{line}\n")
            _stdout.flush()


def count(name: str, value: float = 1, *, unit: MetricUnit = MetricUnit.Count, reason: str | None = None) -> None:
    """Emit one metric, with the dimension Reason when there is one, and with the ids of the request that it is of."""
    ids = logger.get_current_keys()
    # Powertools prints a metric, and the end of its line is another write, which no other thread may come between.
    with _stdout.lock, single_metric(name=name, unit=unit, value=value) as metric:
        for key in IDS:
            if ids.get(key):
                metric.add_metadata(key, ids[key])
        if reason:
            metric.add_dimension(name="Reason", value=reason)

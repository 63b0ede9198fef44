"""Why messages failed."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.dynamodb.failures import DynamoFailures
from handlers.wiring import made


@made
def failures() -> DynamoFailures:
    """Return the memory of failures, which answers soon or not at all: messages must not wait for it."""
    return DynamoFailures(client("dynamodb", read=1.0, tries=1), os.environ["FAILURES_TABLE"])

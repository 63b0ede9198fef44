"""What counts calls."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.dynamodb.calls import DynamoCalls
from handlers.wiring import made


@made
def calls() -> DynamoCalls:
    """Return the counter, which answers soon or not at all: what it protects must not wait for it."""
    return DynamoCalls(client("dynamodb", read=1.0, tries=1), os.environ["THROTTLE_TABLE"])

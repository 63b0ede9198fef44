"""The message on both queues: which order waits for its next step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from domain.errors import FieldProblem, InvalidInput


def order_id(record: Mapping[str, Any]) -> str:
    """Return the order's id. Raises InvalidInput when the message is not one of ours."""
    body = json.loads(record["body"])
    if not isinstance(body, dict) or not isinstance(body.get("order_id"), str):
        raise InvalidInput("not a message of ours", [FieldProblem("order_id", "is missing")])
    named: str = body["order_id"]
    return named

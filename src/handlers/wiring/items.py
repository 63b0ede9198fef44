"""Items."""

from __future__ import annotations

import os
from functools import cache

from adapters.aws import client
from adapters.dynamodb.items import DynamoItems


@cache
def items() -> DynamoItems:
    """Return the items' store."""
    return DynamoItems(client("dynamodb"), os.environ["ITEMS_TABLE"])

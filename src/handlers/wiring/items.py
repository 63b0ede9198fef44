"""Items."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.dynamodb.items import DynamoItems
from handlers.wiring import made


@made
def items() -> DynamoItems:
    """Return the items' store."""
    return DynamoItems(client("dynamodb"), os.environ["ITEMS_TABLE"])

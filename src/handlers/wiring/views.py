"""The projection."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.dynamodb.order_counts import DynamoOrderCounts
from adapters.dynamodb.stock_view import DynamoStockView
from handlers.wiring import made


@made
def stock_view() -> DynamoStockView:
    """Return the projected stock."""
    return DynamoStockView(client("dynamodb"), os.environ["INVENTORY_TABLE"])


@made
def order_counts() -> DynamoOrderCounts:
    """Return the live order counts."""
    return DynamoOrderCounts(client("dynamodb"), os.environ["ORDER_COUNTS_TABLE"])

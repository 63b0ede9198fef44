"""Requests under an Idempotency-Key, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.cloud import Cloud
from tests.events import caller
from tests.integration.conftest import Answer
from tests.shop import Shop

TEA = {"lines": [{"sku": "TEA", "quantity": 1}]}
TWO_TEAS = {"lines": [{"sku": "TEA", "quantity": 2}]}
ANN, BOB, BOSS = caller("ann"), caller("bob"), caller("boss", "admin")

Send = Callable[..., Answer]


def header(key: str | None) -> dict[str, str]:
    """Return the headers that carry a key."""
    return {} if key is None else {"Idempotency-Key": key}


def done(shop: Shop) -> tuple[int, int]:
    """Return how many orders and how many units there are."""
    return len(shop.store.orders_of("ann", 100)), shop.stock("TEA")[0]


class Store:
    """The table of answers, as whoever runs it sees it."""

    def __init__(self, cloud: Cloud, table: str) -> None:
        self.client = cloud.client("dynamodb")
        self.table = table
        for item in self.items():
            self._delete(item)

    def items(self) -> list[dict[str, Any]]:
        """Return all records."""
        return list(self.client.scan(TableName=self.table)["Items"])

    def lose(self) -> None:
        """Delete the one record."""
        (item,) = self.items()
        self._delete(item)

    def change(self, **changes: Any) -> None:
        """Change attributes of the one record; None takes one away."""
        (item,) = self.items()
        kept = {name: value for name, value in {**item, **changes}.items() if value is not None}
        self.client.put_item(TableName=self.table, Item=kept)

    def in_progress(self, *, seconds: float) -> None:
        """Make the one record that of a request which has so many seconds left, or whose time is up."""
        ends = {"N": str(int((time.time() + seconds) * 1000))}
        self.change(status={"S": "INPROGRESS"}, data=None, in_progress_expiration=ends)

    def _delete(self, item: dict[str, Any]) -> None:
        self.client.delete_item(TableName=self.table, Key={"id": item["id"]})

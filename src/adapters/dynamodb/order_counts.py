"""Live order counts in DynamoDB: per minute, the set of orders that reached each status.

A set makes counting twice harmless. One item holds one minute; at 17 bytes an order DynamoDB's 400 KB
are about 23,000 order steps a minute. Items expire after a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from domain.inventory.projection import OrderStep
from domain.orders.order import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=1)


class DynamoOrderCounts:
    """The counts in one table, keyed by `minute` ("2026-11-20T21:40")."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def count(self, steps: Collection[OrderStep]) -> None:
        """Count each order's step once, however often it comes: one write per minute."""
        minutes: dict[datetime, dict[Status, set[bytes]]] = defaultdict(lambda: defaultdict(set))
        for step in steps:
            minutes[step.at.replace(second=0, microsecond=0)][step.status].add(UUID(step.order_id).bytes)
        for minute, reached in minutes.items():
            self._add(minute, reached)

    def counts(self, minute: datetime) -> Mapping[Status, int]:
        """Return how many orders reached each status in a minute."""
        item = self._client.get_item(TableName=self._table, Key={"minute": {"S": _name(minute)}}).get("Item", {})
        return {Status(name): len(ids["BS"]) for name, ids in item.items() if "BS" in ids}

    def _add(self, minute: datetime, reached: Mapping[Status, set[bytes]]) -> None:
        names = {f"#{status}": status.value for status in reached}
        sets = {f":{status}": {"BS": sorted(ids)} for status, ids in reached.items()}
        self._client.update_item(
            TableName=self._table,
            Key={"minute": {"S": _name(minute)}},
            UpdateExpression=f"SET expires_at = :end ADD {', '.join(f'#{status} :{status}' for status in reached)}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={**sets, ":end": {"N": str(int((minute + KEPT).timestamp()))}},
        )


def _name(minute: datetime) -> str:
    return f"{minute:%Y-%m-%dT%H:%M}"

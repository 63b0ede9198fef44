"""Items in DynamoDB: each write of a version expects the version before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.aws import available
from domain.items.items import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

INDEX = "owner_id"
SAME_VERSION = "version = :version"
"""Fails, too, when there is no such item."""


class DynamoItems:
    """Items in one table, keyed by `id`, with the index `owner_id` (owner_id, id)."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, item: Item) -> None:
        """Store a new item; storing the same one again is fine."""
        with available():
            self._client.put_item(TableName=self._table, Item=_attributes(item))

    def get(self, item_id: str) -> Item | None:
        """Return one item as it is now, whoever owns it."""
        with available():
            found = self._client.get_item(TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True)
        return _item(found["Item"]) if "Item" in found else None

    def replace(self, item: Item) -> bool:
        """Put an item in the place of the version right before; return whether that was still there."""
        try:
            with available():
                self._client.put_item(
                    TableName=self._table,
                    Item=_attributes(item),
                    ConditionExpression=SAME_VERSION,
                    ExpressionAttributeValues={":version": {"N": str(item.version - 1)}},
                )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def remove(self, item: Item) -> bool:
        """Remove an item; return whether it was still there in this version."""
        try:
            with available():
                self._client.delete_item(
                    TableName=self._table,
                    Key={"id": {"S": item.id}},
                    ConditionExpression=SAME_VERSION,
                    ExpressionAttributeValues={":version": {"N": str(item.version)}},
                )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def page(self, owner_id: str, limit: int, before: str | None = None) -> Sequence[Item]:
        """Return up to `limit` of an owner's items, newest first, from those older than the id `before`.

        What was written a moment ago may not show yet: an index has no consistent reads.
        """
        condition, values = "owner_id = :owner", {":owner": owner_id}
        if before is not None:
            condition, values = f"{condition} AND id < :before", {**values, ":before": before}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            ScanIndexForward=False,
            # a query ends at 1 MB, which may be before the limit
            PaginationConfig={"MaxItems": limit, "PageSize": limit},
        )
        with available():
            return [_item(one) for page in pages for one in page["Items"]]


def _attributes(item: Item) -> Mapping[str, AttributeValueTypeDef]:
    return {
        "id": {"S": item.id},
        "owner_id": {"S": item.owner_id},
        "name": {"S": item.name},
        "description": {"S": item.description},
        "version": {"N": str(item.version)},
        "created_at": {"S": item.created_at.isoformat()},
        "updated_at": {"S": item.updated_at.isoformat()},
    }


def _item(attributes: Mapping[str, Any]) -> Item:
    return Item(
        id=attributes["id"]["S"],
        owner_id=attributes["owner_id"]["S"],
        name=attributes["name"]["S"],
        description=attributes["description"]["S"],
        version=int(attributes["version"]["N"]),
        created_at=datetime.fromisoformat(attributes["created_at"]["S"]),
        updated_at=datetime.fromisoformat(attributes["updated_at"]["S"]),
    )

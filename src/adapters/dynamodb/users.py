"""Profiles in DynamoDB."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from adapters.aws import available
from domain.identity.users import User

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoUsers:
    """Profiles in one table, keyed by `id`, with the index `username`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, user: User) -> None:
        """Store a profile; storing the same one again is fine."""
        item = {
            "id": {"S": user.id},
            "username": {"S": user.username},
            "email": {"S": user.email},
            "name": {"S": user.name},
            "created_at": {"S": user.created_at.isoformat()},
        }
        with available():
            self._client.put_item(TableName=self._table, Item=item)

    def get(self, user_id: str) -> User | None:
        """Return one profile."""
        with available():
            found = self._client.get_item(TableName=self._table, Key={"id": {"S": user_id}}, ConsistentRead=True)
        if not (item := found.get("Item")):
            return None
        return User(
            id=item["id"]["S"],
            username=item["username"]["S"],
            email=item["email"]["S"],
            name=item["name"]["S"],
            created_at=datetime.fromisoformat(item["created_at"]["S"]),
        )

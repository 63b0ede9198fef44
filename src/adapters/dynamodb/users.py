"""Profiles in DynamoDB, and beside them who holds which email.

A claim is an item of the same table, under the id "email#…". It has no `username`, and so is not in the index of
that name, from which profiles are listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.aws import available
from domain.errors import Conflict, Unavailable
from domain.identity.users import Claim, User

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

INDEX = "username"


class DynamoUsers:
    """Profiles in one table, keyed by `id`, with the index `username`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, user: User) -> None:
        """Store a profile, which holds its email from now on; storing the same one again is fine.

        Raises Conflict when another username holds the email.
        """
        held = _claim_attributes(Claim.of(user.email, user.username, user.created_at, user.id))
        try:
            with available():
                self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._table, "Item": _attributes(user)}},
                        {
                            "Put": {
                                "TableName": self._table,
                                "Item": held,
                                "ConditionExpression": "attribute_not_exists(id) OR holder = :holder",
                                "ExpressionAttributeValues": {":holder": held["holder"]},
                            }
                        },
                    ]
                )
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = {reason.get("Code") for reason in error.response["CancellationReasons"]}
            if "ConditionalCheckFailed" in reasons:
                raise Conflict("this email belongs to another account") from None
            raise Unavailable("somebody else changes this profile right now; try again") from error

    def get(self, user_id: str) -> User | None:
        """Return one profile."""
        item = self._item(user_id)
        return _user(item) if item else None

    def page(self, limit: int, after: tuple[str, str] | None = None) -> Sequence[User]:
        """Return up to `limit` profiles from those after a (username, id), in no order.

        What was written a moment ago may not show yet: an index has no consistent reads.
        """
        found: list[User] = []
        start: Mapping[str, Any] = {}
        if after:
            start = {"ExclusiveStartKey": {"username": {"S": after[0]}, "id": {"S": after[1]}}}
        while True:
            with available():
                answer = self._client.scan(TableName=self._table, IndexName=INDEX, Limit=limit - len(found), **start)
            found += [_user(item) for item in answer["Items"]]
            if len(found) == limit or not (last := answer.get("LastEvaluatedKey")):
                return found
            start = {"ExclusiveStartKey": last}

    def remove(self, user: User) -> None:
        """Remove a profile and its hold of the email; doing so again is fine."""
        self._delete(
            _claim_id(user.email.lower()),
            {"ConditionExpression": "user_id = :user_id", "ExpressionAttributeValues": {":user_id": {"S": user.id}}},
        )
        with available():
            self._client.delete_item(TableName=self._table, Key={"id": {"S": user.id}})

    def holder(self, email: str) -> Claim | None:
        """Return who holds an email now."""
        if not (item := self._item(_claim_id(email.lower()))):
            return None
        user_id = item.get("user_id", {}).get("S")
        return Claim(email.lower(), item["holder"]["S"], datetime.fromisoformat(item["since"]["S"]), user_id)

    def claim(self, wanted: Claim, instead_of: Claim | None) -> bool:
        """Hold an email, if its claim is still `instead_of` (None: nobody's); return whether it was."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        try:
            with available():
                self._client.put_item(
                    TableName=self._table,
                    Item=_claim_attributes(wanted),
                    **(_unchanged(instead_of) if instead_of else condition),
                )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def release(self, claim: Claim) -> None:
        """Give a claim up, if it still stands as it was made."""
        self._delete(_claim_id(claim.email), _unchanged(claim))

    def _item(self, key: str) -> Any:
        with available():
            return self._client.get_item(TableName=self._table, Key={"id": {"S": key}}, ConsistentRead=True).get("Item")

    def _delete(self, key: str, condition: Mapping[str, Any]) -> None:
        with suppress(self._client.exceptions.ConditionalCheckFailedException), available():
            self._client.delete_item(TableName=self._table, Key={"id": {"S": key}}, **condition)


def _claim_id(email: str) -> str:
    return f"email#{email}"


def _claim_attributes(claim: Claim) -> dict[str, AttributeValueTypeDef]:
    whose: dict[str, AttributeValueTypeDef] = {"user_id": {"S": claim.user_id}} if claim.user_id else {}
    return {
        "id": {"S": _claim_id(claim.email)},
        "holder": {"S": claim.username},
        "since": {"S": claim.at.isoformat()},
        **whose,
    }


def _unchanged(claim: Claim) -> dict[str, Any]:
    """Return the condition that a claim still stands so."""
    whose = "user_id = :user_id" if claim.user_id else "attribute_not_exists(user_id)"
    values = {"holder": claim.username, "since": claim.at.isoformat(), "user_id": claim.user_id}
    return {
        "ConditionExpression": f"holder = :holder AND since = :since AND {whose}",
        "ExpressionAttributeValues": {f":{name}": {"S": value} for name, value in values.items() if value},
    }


def _attributes(user: User) -> Mapping[str, AttributeValueTypeDef]:
    return {
        "id": {"S": user.id},
        "username": {"S": user.username},
        "email": {"S": user.email},
        "name": {"S": user.name},
        "created_at": {"S": user.created_at.isoformat()},
    }


def _user(item: Mapping[str, Any]) -> User:
    return User(
        id=item["id"]["S"],
        username=item["username"]["S"],
        email=item["email"]["S"],
        name=item["name"]["S"],
        created_at=datetime.fromisoformat(item["created_at"]["S"]),
    )

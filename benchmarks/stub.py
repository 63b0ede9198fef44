"""AWS as the contestants of `make bench` find it: by operation, from what is asked to a status and what is said.

Loaded into each contestant's process before its clock starts, so it imports nothing that child.py has not.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ITEM, OWNER = "012c9f6c-7d40-7000-8000-000000000001", "3f0d3a52-5f0a-4f0e-9d4e-2f6a3b0c9d11"
FOREIGN, MISSING = "012c9f6c-7d40-7000-8000-000000000002", "012c9f6c-7d40-7000-8000-000000000003"


def _item(item_id: str, owner_id: str) -> dict[str, Any]:
    return {
        "id": {"S": item_id},
        "owner_id": {"S": owner_id},
        "name": {"S": "Kettle"},
        "description": {"S": "Blue, 1.7 litres, with a whistle"},
        "version": {"N": "3"},
        "created_at": {"S": "2026-11-20T12:00:00.123456+00:00"},
        "updated_at": {"S": "2026-11-20T12:30:00.654321+00:00"},
    }


_ITEMS = {ITEM: _item(ITEM, OWNER), FOREIGN: _item(FOREIGN, "somebody-else")}


def get_item(operation: str, asked: Any) -> tuple[int, Any]:
    """Answer DynamoDB's GetItem from two items, one of them somebody else's."""
    assert operation == "GetItem", operation
    found = _ITEMS.get(asked["Key"]["id"]["S"])
    return 200, {"Item": found} if found else {}


_records: dict[str, Any] = {}


def create_order(operation: str, asked: Any) -> tuple[int, Any]:
    """Answer what placing an order asks: for DATABASE_SECRET, a record for each key, and to take messages."""
    return _PLACING[operation](asked)


def _put_record(asked: Any) -> tuple[int, Any]:
    """Put a record where there is none: a lease never ends within a contest."""
    record = _records.setdefault(asked["Item"]["id"]["S"], asked["Item"])
    if record is asked["Item"]:
        return 200, {}
    return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": record}


def _update_record(asked: Any) -> tuple[int, Any]:
    record, names = _records[asked["Key"]["id"]["S"]], asked["ExpressionAttributeNames"]
    for pair in asked["UpdateExpression"].removeprefix("SET ").split(", "):
        name, value = pair.split(" = ")
        record[names[name]] = asked["ExpressionAttributeValues"][value]
    return 200, {}


def _delete_record(asked: Any) -> tuple[int, Any]:
    del _records[asked["Key"]["id"]["S"]]
    return 200, {}


def _send_messages(asked: Any) -> tuple[int, Any]:
    sent = [
        {"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": _md5(one["MessageBody"])} for one in asked["Entries"]
    ]
    return 200, {"Successful": sent, "Failed": []}


def _md5(text: str) -> str:
    return sys.modules["hashlib"].md5(text.encode(), usedforsecurity=False).hexdigest()


_SENT = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
_PLACING: dict[str, Callable[[Any], tuple[int, Any]]] = {
    "GetSecretValue": lambda _: (200, {"SecretString": os.environ["DATABASE_SECRET"]}),
    "PutItem": _put_record,
    "UpdateItem": _update_record,
    "DeleteItem": _delete_record,
    "SendMessage": lambda asked: (200, {"MessageId": "m", "MD5OfMessageBody": _md5(asked["MessageBody"])}),
    "SendMessageBatch": _send_messages,
    "PutRecord": lambda _: (200, _SENT),
    "PutRecords": lambda asked: (200, {"FailedRecordCount": 0, "Records": [_SENT] * len(asked["Records"])}),
}

STUBS = {"get_item": get_item, "create_order": create_order, "decoding": lambda *_: (200, {})}
"""Where batches are only read, all that is asked is to note failures."""

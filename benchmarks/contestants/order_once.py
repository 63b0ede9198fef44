"""Answering each Idempotency-Key once, for those who have no library for it."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from typing import Any

import boto3
from api import Problem
from botocore.exceptions import ClientError
from order_store import CONFIG, place

DYNAMODB = boto3.client("dynamodb", region_name=os.environ["REGION"], config=CONFIG)
TABLE = os.environ["IDEMPOTENCY_TABLE"]
KEPT, LEASE = 24 * 3600, 28
"""Seconds for which an answer is kept, and for which nobody else works at it."""


def once(scope: str, lines: list[tuple[str, int]], customer_id: str) -> tuple[Any, str]:
    """Answer a key's first request; repeat that answer to the same request."""
    fingerprint = sha256(json.dumps(lines).encode()).hexdigest()
    now = time.time()
    try:
        DYNAMODB.put_item(
            TableName=TABLE,
            Item={
                "id": {"S": scope},
                "fingerprint": {"S": fingerprint},
                "status": {"S": "INPROGRESS"},
                "expiration": {"N": str(int(now) + KEPT)},
                "in_progress_expiration": {"N": str(int((now + LEASE) * 1000))},
            },
            ConditionExpression="attribute_not_exists(#id) OR #expiration < :now OR"
            " (#status = :inprogress AND #in_progress_expiration < :now_ms)",
            ExpressionAttributeNames={
                "#id": "id",
                "#expiration": "expiration",
                "#status": "status",
                "#in_progress_expiration": "in_progress_expiration",
            },
            ExpressionAttributeValues={
                ":now": {"N": str(int(now))},
                ":now_ms": {"N": str(int(now * 1000))},
                ":inprogress": {"S": "INPROGRESS"},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return _again(error.response["Item"], fingerprint)  # type: ignore[typeddict-item]
    try:
        body = place(lines, customer_id)
    except BaseException:
        DYNAMODB.delete_item(TableName=TABLE, Key={"id": {"S": scope}})
        raise
    location = f"/orders/{body['id']}"
    DYNAMODB.update_item(
        TableName=TABLE,
        Key={"id": {"S": scope}},
        UpdateExpression="SET #status = :status, #body = :body, #location = :location",
        ExpressionAttributeNames={"#status": "status", "#body": "body", "#location": "location"},
        ExpressionAttributeValues={
            ":status": {"S": "COMPLETED"},
            ":body": {"S": json.dumps(body)},
            ":location": {"S": location},
        },
    )
    return body, location


def _again(item: dict[str, Any], fingerprint: str) -> tuple[Any, str]:
    if item["fingerprint"]["S"] != fingerprint:
        raise Problem(422, "idempotency-key-reused", "this Idempotency-Key was used for another request")
    if item["status"]["S"] != "COMPLETED":
        raise Problem(409, "request-in-flight", "a request with this Idempotency-Key is being answered right now")
    return json.loads(item["body"]["S"]), item["location"]["S"]

"""Calls counted in DynamoDB: one item per operation, client and minute, one atomic write per call."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters.aws import THROTTLED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(hours=1)
UNCOUNTED = sys.maxsize


class DynamoCalls:
    """The counts in one table, keyed by `id` ("login 203.0.113.7 2026-11-21T09:30")."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def count(self, operation: str, client: str, at: datetime) -> int:
        """Count a client's call; return how many it has made in that minute, this one included.

        One item takes a thousand writes a second: who asks for more has made UNCOUNTED calls.
        """
        minute = at.replace(second=0, microsecond=0)
        try:
            counted = self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": f"{operation} {client} {minute:%Y-%m-%dT%H:%M}"}},
                UpdateExpression="SET expires_at = :end ADD calls :one",
                ExpressionAttributeValues={":one": {"N": "1"}, ":end": {"N": str(int((minute + KEPT).timestamp()))}},
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in THROTTLED:
                return UNCOUNTED
            raise
        return int(counted["Attributes"]["calls"]["N"])

"""AWS at the end of botocore's wire, in this process: real clients sign and parse, and nothing is sent anywhere.

Queues and stream take everything. A table's conditional writes are decided by `version` as DynamoDB does it, which is
all that the projection and its peer ask.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

from adapters.postgres.database import Server
from tests.cloud import ROOT

VARIABLES = {
    "REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": ROOT[0],
    "AWS_SECRET_ACCESS_KEY": ROOT[1],
    "POWERTOOLS_SERVICE_NAME": "tradepost",
    "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
    "TOKENS_VERIFIED_BY": "gateway",
    "PRODUCT_SECRET_ARN": "database",
    "INVENTORY_SECRET_ARN": "database",
    "DATABASE_SSLMODE": "disable",
    "ORDERS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/orders",
    "SHIPPING_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/shipping",
    "STREAM_NAME": "stream",
    "INVENTORY_TABLE": "inventory",
    "ORDER_COUNTS_TABLE": "counts",
    "IDEMPOTENCY_TABLE": "idempotency",
}
"""What the template gives to its functions."""


@dataclass
class Wire:
    """What answers, `latency` seconds after it was asked; `secrets` by ARN, `tables` as they now are."""

    latency: float = 0.0
    secrets: dict[str, Server] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Take the place of the network for every client of this process."""
        send = URLLib3Session.send
        URLLib3Session.send = lambda _, request: self._answer(request)
        yield
        URLLib3Session.send = send

    def _answer(self, request: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        if self.latency:
            time.sleep(self.latency)
        status, said = getattr(self, f"_{operation}")(json.loads(request.body))
        self.taken[operation] += 1
        body = HTTPResponse(BytesIO(json.dumps(said).encode()), preload_content=False)
        return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.0"}, body)

    def _GetSecretValue(self, asked: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802 - AWS's name
        server = self.secrets[asked["SecretId"]]
        return 200, {"SecretString": json.dumps(vars(server))}

    def _SendMessage(self, _: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802
        self.taken["messages"] += 1
        return 200, {"MessageId": "m", "MD5OfMessageBody": "0"}

    def _SendMessageBatch(self, asked: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802
        self.taken["messages"] += len(asked["Entries"])
        sent = [{"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": "0"} for one in asked["Entries"]]
        return 200, {"Successful": sent, "Failed": []}

    def _PutRecords(self, asked: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802
        sent = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
        return 200, {"FailedRecordCount": 0, "Records": [sent] * len(asked["Records"])}

    def _PutItem(self, _: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802
        return 200, {}

    def _UpdateItem(self, asked: dict[str, Any]) -> tuple[int, Any]:  # noqa: N802
        if "sku" not in asked["Key"]:
            return 200, {}
        table, sku = self.tables.setdefault(asked["TableName"], {}), asked["Key"]["sku"]["S"]
        said, held = asked["ExpressionAttributeValues"], table.get(sku)
        if not _holds(asked["ConditionExpression"], held, said):
            kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            return 400, {"__type": kind, **({"Item": held} if held else {})}
        table[sku] = {**(held or asked["Key"]), **_assigned(asked["UpdateExpression"], said)}
        return 200, {}


def _holds(condition: str, held: dict[str, Any] | None, said: dict[str, Any]) -> bool:
    """Say whether an item stands as a condition of ours, or of the peer's, wants it."""
    if " OR " in condition:
        return any(_holds(one, held, said) for one in condition.split(" OR "))
    if " AND " in condition:
        return all(_holds(one, held, said) for one in condition.split(" AND "))
    if condition.startswith("attribute_not_exists"):
        return held is None
    name, sign, value = condition.split()
    if held is None or name not in held:
        return False
    found, wanted = int(held[name]["N"]), int(said[value]["N"])
    return {"<": found < wanted, "=": found == wanted, "<>": found != wanted}[sign]


def _assigned(expression: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return the plain assignments of a SET; paths and copies are left out."""
    pairs = (pair.split(" = ") for pair in expression.removeprefix("SET ").split(", "))
    return {name: said[value] for name, value in pairs if value in said and "." not in name}

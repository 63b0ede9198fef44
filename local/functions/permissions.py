"""What a request to AWS needs of whoever sends it: IAM's actions, on ARNs.

Sources: AWS's Service Authorization Reference, and "Amazon SQS API permissions" and "Using IAM with DynamoDB
transactions" where an operation is authorised under other names than its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

ACCOUNT = "000000000000"
TRANSACTED = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""The actions of a transaction's parts: there is none of its own."""


class UnknownRequest(LookupError):
    """Nobody has said yet what requests to this service need; the message names the request."""


@dataclass(frozen=True)
class Need:
    """An action of IAM's (`sqs:SendMessage`) on the ARN that it names."""

    action: str
    resource: str


def needs(target: str, body: bytes, region: str) -> set[Need]:
    """Return what a request in one of AWS's JSON protocols needs; `target` is its header X-Amz-Target.

    Raises UnknownRequest.
    """
    service, _, operation = target.partition(".")
    if service not in _SERVICES:
        raise UnknownRequest(f"what does {target or 'a request without X-Amz-Target'} need? Say it in {__name__}")
    return set(_SERVICES[service](operation, json.loads(body or b"{}"), region))


def _dynamodb(operation: str, asked: dict[str, Any], region: str) -> Iterator[Need]:
    if operation in ("BatchGetItem", "BatchWriteItem"):
        parts = [(operation, {"TableName": table}) for table in asked["RequestItems"]]
    elif operation in ("TransactGetItems", "TransactWriteItems"):
        parts = [(TRANSACTED[kind], part) for item in asked["TransactItems"] for kind, part in item.items()]
    else:
        parts = [(operation, asked)]
    for action, part in parts:
        name = part["TableName"]
        table = name if name.startswith("arn:") else _arn("dynamodb", region, f"table/{name}")
        index = f"/index/{part['IndexName']}" if "IndexName" in part else ""
        yield Need(f"dynamodb:{action}", f"{table}{index}")


def _sqs(operation: str, asked: dict[str, Any], region: str) -> Iterator[Need]:
    name = asked["QueueUrl"].rpartition("/")[2]
    yield Need(f"sqs:{operation.removesuffix('Batch')}", _arn("sqs", region, name))


def _kinesis(operation: str, asked: dict[str, Any], region: str) -> Iterator[Need]:
    arn = asked.get("StreamARN") or _arn("kinesis", region, f"stream/{asked['StreamName']}")
    yield Need(f"kinesis:{operation}", arn)


def _secrets(operation: str, asked: dict[str, Any], _: str) -> Iterator[Need]:
    """Functions know secrets by their ARNs; a name would stand here as it is, and no role allows that."""
    yield Need(f"secretsmanager:{operation}", asked.get("SecretId", "*"))


def _cognito(operation: str, asked: dict[str, Any], region: str) -> Iterator[Need]:
    """Yield one need; what an app client asks for itself names no pool, and is not signed either: see `Recorder`."""
    pool = asked.get("UserPoolId")
    yield Need(f"cognito-idp:{operation}", _arn("cognito-idp", region, f"userpool/{pool}") if pool else "*")


def _arn(service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


_SERVICES: dict[str, Callable[[str, dict[str, Any], str], Iterator[Need]]] = {
    "DynamoDB_20120810": _dynamodb,
    "AmazonSQS": _sqs,
    "Kinesis_20131202": _kinesis,
    "secretsmanager": _secrets,
    "AWSCognitoIdentityProviderService": _cognito,
}

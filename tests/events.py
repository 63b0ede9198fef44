"""Events as AWS sends them, and the context of an invocation."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from handlers.http.routes import ROUTES

ROUTE_OF = {module: (method, path) for method, path, module in ROUTES}


@dataclass
class Context:
    """What Lambda tells a function of its invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:000000000000:function:function"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    log_group_name: str = "/aws/lambda/function"
    log_stream_name: str = "2026/11/20/[$LATEST]stream"
    remaining: int = 50_000

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return self.remaining


def caller(sub: str = "ann", groups: str = "", *, seconds: float = 3600) -> dict[str, str]:
    """Return an authorizer's context, whose token ends in that many seconds."""
    said = {"sub": sub, "username": sub, "client_id": "client", "scope": "aws.cognito.signin.user.admin"}
    return {**said, "groups": groups, "exp": str(int(time.time() + seconds))}


def http(
    module: str,
    body: Any = None,
    *,
    by: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    base64_encoded: bool = False,
    address: str = "192.0.2.1",
) -> dict[str, Any]:
    """Return an HTTP API's event (payload 2.0) for a function's route; a body that is no text is sent as JSON."""
    method, template = ROUTE_OF.get(module, ("GET", "$default"))
    raw_path = template
    for name, value in (path or {}).items():
        raw_path = raw_path.replace(f"{{{name}}}", value)
    named = {name.lower(): value for name, value in (headers or {}).items()}
    sent = {"host": "api.example.com", "user-agent": "tests", **named}
    event = {
        "version": "2.0",
        "routeKey": "$default" if template == "$default" else f"{method} {template}",
        "rawPath": raw_path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "headers": sent,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": "tests",
            },
            "requestId": f"request-{uuid.uuid4()}",
            "routeKey": f"{method} {template}",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795176000000,
        },
        "isBase64Encoded": base64_encoded,
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        sent.setdefault("content-type", "application/json")
    if by is not None:
        event["requestContext"]["authorizer"] = {"lambda": dict(by)}
    if path:
        event["pathParameters"] = dict(path)
    if query:
        event["queryStringParameters"] = dict(query)
    return event


def sqs(*bodies: Any) -> dict[str, Any]:
    """Return a queue's event; the messages are called m0, m1 ... A body that is no text is sent as JSON."""
    return {
        "Records": [
            {
                "messageId": f"m{i}",
                "receiptHandle": f"handle-{i}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795176000000"},
                "messageAttributes": {},
                "md5OfBody": "0",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:queue",
                "awsRegion": "eu-west-1",
            }
            for i, body in enumerate(bodies)
        ]
    }


def kinesis(*bodies: Any) -> dict[str, Any]:
    """Return a stream's event; the sequence numbers are s0, s1 ... A body that is no bytes is sent as JSON."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "key",
                    "sequenceNumber": f"s{i}",
                    "data": base64.b64encode(body if isinstance(body, bytes) else json.dumps(body).encode()).decode(),
                    "approximateArrivalTimestamp": 1795176000.0,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:s{i}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::000000000000:role/role",
                "awsRegion": "eu-west-1",
                "eventSourceARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/stream",
            }
            for i, body in enumerate(bodies)
        ]
    }


def failures(answer: Any) -> list[str]:
    """Return the ids that a partial batch response names."""
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def said(records: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return what a stream's records say; what other tests wrote there that is not JSON says nothing."""
    found = []
    for one in records:
        with suppress(ValueError):
            found.append(json.loads(one["Data"]))
    return found

"""POST /orders with boto3 and psycopg alone."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import UUID

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOGGER = logging.getLogger(__name__)
CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
SECRETS = boto3.client("secretsmanager", region_name=os.environ["REGION"], config=CONFIG)
DYNAMODB = boto3.client("dynamodb", region_name=os.environ["REGION"], config=CONFIG)
SQS = boto3.client("sqs", region_name=os.environ["REGION"], config=CONFIG)
KINESIS = boto3.client("kinesis", region_name=os.environ["REGION"], config=CONFIG)
TABLE, QUEUE, STREAM = os.environ["IDEMPOTENCY_TABLE"], os.environ["ORDERS_QUEUE_URL"], os.environ["STREAM_NAME"]

SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")
KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
MAX_LINES, MAX_QUANTITY, MAX_SKU, MAX_TOTAL = 2000, 1_000_000, 64, 2**53 - 1
KEPT, LEASE = 24 * 3600, 28
"""Seconds for which an answer is kept, and for which nobody else works at it."""
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}


class Problem(Exception):
    """A request that is refused; `errors` names fields."""

    def __init__(self, status: int, kind: str, detail: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Place an order, once for each key."""
    request_id = event["requestContext"]["requestId"]
    try:
        customer_id = _caller(event)
        lines = _lines(event)
        scope = f"{customer_id}#{_key(event)}"
        body, location = _once(scope, lines, customer_id)
    except Problem as problem:
        body = {
            "type": f"urn:tradepost:problem:{problem.kind}",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.detail,
        }
        if problem.errors:
            body["errors"] = [{"field": field, "message": message} for field, message in problem.errors]
        more = {"www-authenticate": "Bearer"} if problem.status == 401 else {}  # noqa: PLR2004 - HTTP's own
        return _answer(request_id, problem.status, {"content-type": "application/problem+json", **more}, body)
    return _answer(request_id, 202, {"content-type": "application/json", "location": location}, body)


def _answer(request_id: str, status: int, headers: dict[str, str], body: Any) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**HEADERS, "x-request-id": request_id, **headers},
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def _caller(event: dict[str, Any]) -> str:
    said = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
        raise Problem(401, "unauthenticated", "sign in again")
    return str(said["sub"])


def _key(event: dict[str, Any]) -> str:
    key: str = event["headers"].get("idempotency-key", "").strip()
    if not KEY.fullmatch(key):
        errors = [("Idempotency-Key", "send 1 to 255 printable ASCII characters")]
        raise Problem(400, "invalid-input", "an Idempotency-Key is required", errors)
    return key


def _lines(event: dict[str, Any]) -> list[tuple[str, int]]:
    if event["headers"].get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "media-type", "send the body as application/json")
    try:
        body = json.loads(event.get("body") or "")
    except ValueError:
        raise Problem(400, "invalid-input", "the body cannot be read", [("body", "is not JSON")]) from None
    errors = _problems(body)
    if errors:
        raise Problem(400, "invalid-input", "the body breaks the rules named here", errors)
    lines = [(line["sku"].strip().upper(), line["quantity"]) for line in body["lines"]]
    errors = [(f"lines[{i}].sku", "is no sku") for i, (sku, _) in enumerate(lines) if not SKU.fullmatch(sku)]
    if errors:
        raise Problem(400, "invalid-input", "the order names skus that cannot exist", errors)
    return lines


def _problems(body: Any) -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        return [("body", "is not an object")]
    unknown = [(name, "is not known") for name in body if name != "lines"]
    lines = body.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
        return [("lines", f"is not a list of 1 to {MAX_LINES} lines"), *unknown]
    return [problem for i, line in enumerate(lines) for problem in _line_problems(f"lines[{i}]", line)] + unknown


def _line_problems(path: str, line: Any) -> list[tuple[str, str]]:
    if not isinstance(line, dict):
        return [(path, "is not an object")]
    found = []
    sku, quantity = line.get("sku"), line.get("quantity")
    if not isinstance(sku, str) or not 1 <= len(sku.strip()) <= MAX_SKU:
        found.append((f"{path}.sku", f"is not text of 1 to {MAX_SKU} characters"))
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:
        found.append((f"{path}.quantity", f"is not a whole number from 1 to {MAX_QUANTITY}"))
    return found + [(f"{path}.{name}", "is not known") for name in line if name not in ("sku", "quantity")]


def _once(scope: str, lines: list[tuple[str, int]], customer_id: str) -> tuple[Any, str]:
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
        body = _place(lines, customer_id)
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


@cache
def _database(name: str) -> psycopg.Connection[Any]:
    secret = json.loads(SECRETS.get_secret_value(SecretId=os.environ[f"{name.upper()}_SECRET_ARN"])["SecretString"])
    return psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        user=secret["username"],
        password=secret["password"],
        dbname=name,
        sslmode=os.environ["DATABASE_SSLMODE"],
        connect_timeout=4,
        autocommit=True,
    )


def _connection(name: str) -> psycopg.Connection[Any]:
    if _database(name).closed:
        _database.cache_clear()
    return _database(name)


def _place(lines: list[tuple[str, int]], customer_id: str) -> dict[str, Any]:
    prices, currency = _priced(lines)
    now, order_id = datetime.now(UTC), _uuid7()
    total = sum(quantity * prices[sku] for sku, quantity in lines)
    if total > MAX_TOTAL:
        errors = [("lines", f"add up to more than {MAX_TOTAL}")]
        raise Problem(400, "invalid-input", "the order is too large", errors)
    task = json.dumps({"order_id": order_id}, separators=(",", ":"))
    step = {
        "type": "order",
        "order_id": order_id,
        "version": 1,
        "status": "PLACED",
        "reason": None,
        "total_minor": total,
        "at": now.isoformat(),
    }
    change = json.dumps(step, separators=(",", ":"))
    connection = _connection("inventory")
    with connection.transaction():
        connection.execute(
            "INSERT INTO orders (id, customer_id, status, currency, total_minor, line_count, placed_at, updated_at,"
            " version) VALUES (%s, %s, 'PLACED', %s, %s, %s, %s, %s, 1)",
            [order_id, customer_id, currency, total, len(lines), now, now],
        )
        connection.cursor().executemany(
            "INSERT INTO order_lines (order_id, position, sku, quantity, unit_price_minor) VALUES (%s, %s, %s, %s, %s)",
            [(order_id, i, sku, quantity, prices[sku]) for i, (sku, quantity) in enumerate(lines)],
        )
        connection.execute(
            "INSERT INTO order_events (order_id, version, status, at) VALUES (%s, 1, 'PLACED', %s)", [order_id, now]
        )
        written = connection.execute(
            "INSERT INTO outbox (topic, key, body, written_at)"
            " VALUES ('placed', %s, %s, %s), ('events', %s, %s, %s) RETURNING id",
            [order_id, task, now, order_id, change, now],
        ).fetchall()
    try:
        SQS.send_message(QueueUrl=QUEUE, MessageBody=task)
        KINESIS.put_record(StreamName=STREAM, Data=change.encode(), PartitionKey=order_id)
    except (BotoCoreError, ClientError):
        LOGGER.warning("not sent, left to the relay: %s", order_id, exc_info=True)
    else:
        connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", [[number for (number,) in written]])
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": order_id,
        "status": "PLACED",
        "reason": None,
        "currency": currency,
        "total_minor": total,
        "placed_at": at,
        "lines": [{"sku": sku, "quantity": quantity, "unit_price_minor": prices[sku]} for sku, quantity in lines],
        "events": [{"status": "PLACED", "reason": None, "at": at}],
    }


def _priced(lines: list[tuple[str, int]]) -> tuple[dict[str, int], str]:
    """Return the price of each sku, and the one currency that all have."""
    rows = _connection("product").execute(
        "SELECT sku, price_minor, currency FROM products WHERE active AND sku = ANY(%s)",
        [list({sku for sku, _ in lines})],
    )
    sold = {sku: (price, currency) for sku, price, currency in rows}
    errors = [(f"lines[{i}].sku", f"{sku} is not sold") for i, (sku, _) in enumerate(lines) if sku not in sold]
    if errors:
        raise Problem(400, "invalid-input", "the order names products that are not sold", errors)
    currencies = {currency for _, currency in sold.values()}
    if len(currencies) > 1:
        errors = [("lines", f"currencies found: {' and '.join(sorted(currencies))}")]
        raise Problem(400, "invalid-input", "one order, one currency", errors)
    return {sku: price for sku, (price, _) in sold.items()}, currencies.pop()


def _uuid7() -> str:
    value = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return str(UUID(int=value | secrets.randbits(62)))

"""POST /orders with Powertools: its resolver validates, its idempotency repeats answers."""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import boto3
import psycopg
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOGGER = Logger()
CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
SECRETS = boto3.client("secretsmanager", region_name=os.environ["REGION"], config=CONFIG)
SQS = boto3.client("sqs", region_name=os.environ["REGION"], config=CONFIG)
KINESIS = boto3.client("kinesis", region_name=os.environ["REGION"], config=CONFIG)
QUEUE, STREAM = os.environ["ORDERS_QUEUE_URL"], os.environ["STREAM_NAME"]
ONCE = IdempotencyConfig(
    event_key_jmespath="scope",
    payload_validation_jmespath="lines",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=24 * 3600,
    hash_function="sha256",
)
ANSWERS = DynamoDBPersistenceLayer(
    table_name=os.environ["IDEMPOTENCY_TABLE"],
    boto3_client=boto3.client("dynamodb", region_name=os.environ["REGION"], config=CONFIG),
)

MAX_TOTAL = 2**53 - 1
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}


STRICT = ConfigDict(extra="forbid", strict=True)


class WantedLine(BaseModel):
    """So many units of one sku."""

    model_config = STRICT

    sku: Annotated[
        str,
        StringConstraints(strip_whitespace=True, to_upper=True, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    ]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class WantedOrder(BaseModel):
    """An order to place."""

    model_config = STRICT

    lines: Annotated[list[WantedLine], Field(min_length=1, max_length=2000)]


class Line(BaseModel):
    """So many units of one sku at the price of the day."""

    sku: str
    quantity: int
    unit_price_minor: int


class Step(BaseModel):
    """A status that an order reached, and when."""

    status: str
    reason: str | None
    at: str


class Order(BaseModel):
    """An order as it is answered."""

    id: str
    status: str
    reason: str | None
    currency: str
    total_minor: int
    placed_at: str
    lines: list[Line]
    events: list[Step]


class Problem(Exception):
    """A request that is refused; `errors` names fields."""

    def __init__(self, status: int, kind: str, detail: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors


app = APIGatewayHttpResolver(enable_validation=True)


@app.exception_handler(Problem)
def refused(problem: Problem) -> Response[Any]:
    """Answer with a problem document."""
    body = {
        "type": f"urn:tradepost:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"field": field, "message": message} for field, message in problem.errors]
    more = {"www-authenticate": "Bearer"} if problem.status == 401 else {}  # noqa: PLR2004 - HTTP's own
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(problem.status, "application/problem+json", text, headers={**_headers(), **more})


@app.exception_handler(RequestValidationError)
def invalid(error: RequestValidationError) -> Response[Any]:
    """Answer with a problem document that names the fields."""
    errors = [(_field(one), one["msg"]) for one in error.errors()]
    return refused(Problem(400, "invalid-input", "the request breaks the rules named here", errors))


def _field(error: dict[str, Any]) -> str:
    where, *path = error["loc"]
    if where == "header":
        return "Idempotency-Key"
    if error["type"] == "json_invalid" or not path:
        return "body"
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@app.post("/orders")
def place(
    wanted: WantedOrder,
    key: Annotated[str, Header(alias="idempotency-key", pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$")],
) -> Response[Order]:
    """Place an order, once for each key."""
    customer_id = _caller()
    lines = [(line.sku, line.quantity) for line in wanted.lines]
    try:
        placed = _once(asked={"scope": f"{customer_id}#{key}", "customer_id": customer_id, "lines": lines})
    except IdempotencyAlreadyInProgressError:
        raise Problem(409, "request-in-flight", "this Idempotency-Key is being answered right now") from None
    except IdempotencyValidationError:
        raise Problem(422, "idempotency-key-reused", "this Idempotency-Key was used before") from None
    headers = {**_headers(), "location": f"/orders/{placed['id']}"}
    return Response(202, "application/json", Order.model_validate(placed), headers=headers)


@idempotent_function(data_keyword_argument="asked", config=ONCE, persistence_store=ANSWERS)
def _once(*, asked: dict[str, Any]) -> dict[str, Any]:
    return _place(asked["lines"], asked["customer_id"])


def _caller() -> str:
    event: dict[str, Any] = app.current_event.raw_event
    said = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
        raise Problem(401, "unauthenticated", "sign in again")
    return str(said["sub"])


def _headers() -> dict[str, str]:
    return {**HEADERS, "x-request-id": app.current_event.raw_event["requestContext"]["requestId"]}


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
        LOGGER.warning("not sent, left to the relay", order_id=order_id, exc_info=True)
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


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let the resolver answer."""
    ONCE.register_lambda_context(context)
    return app.resolve(event, context)

"""Where POST /orders keeps its orders, whoever answers it: PostgreSQL, a queue and a stream, by boto3 and psycopg."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import boto3
import psycopg
from api import Problem
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOGGER = logging.getLogger(__name__)
CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
SECRETS = boto3.client("secretsmanager", region_name=os.environ["REGION"], config=CONFIG)
SQS = boto3.client("sqs", region_name=os.environ["REGION"], config=CONFIG)
KINESIS = boto3.client("kinesis", region_name=os.environ["REGION"], config=CONFIG)
QUEUE, STREAM = os.environ["ORDERS_QUEUE_URL"], os.environ["STREAM_NAME"]
MAX_TOTAL = 2**53 - 1


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


def place(lines: list[tuple[str, int]], customer_id: str) -> dict[str, Any]:
    """Place an order; return it as it is answered."""
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

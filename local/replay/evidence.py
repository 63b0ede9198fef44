"""What both sides say after a run: orders and stock in PostgreSQL, stock in DynamoDB."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from local.replay.reconciling import Level
from local.state import LocalError

Database = Mapping[str, Any]
"""A server's host, port, username and password."""


@dataclass(frozen=True)
class Outcome:
    """What became of an order; `quantities` are units by sku."""

    order_id: str
    status: str
    reason: str | None
    total_minor: int
    placed_at: datetime
    confirmed: bool
    fulfilled_at: datetime | None
    quantities: Mapping[str, int]


def outcomes(database: Database, order_ids: Sequence[str]) -> Sequence[Outcome]:
    """Return how these orders stand, in order of id. Raises LocalError."""
    with _inventory(database) as connection:
        orders = connection.execute(
            "SELECT orders.id::text, orders.status, orders.reason, total_minor, placed_at,"
            " coalesce(bool_or(event.status = 'CONFIRMED'), false), max(at) FILTER (WHERE event.status = 'FULFILLED')"
            " FROM orders LEFT JOIN order_events event ON event.order_id = orders.id"
            " WHERE orders.id = ANY(%s::uuid[]) GROUP BY orders.id ORDER BY orders.id",
            [list(order_ids)],
        ).fetchall()
        lines = connection.execute(
            "SELECT order_id::text, sku, sum(quantity)::bigint FROM order_lines"
            " WHERE order_id = ANY(%s::uuid[]) GROUP BY order_id, sku",
            [list(order_ids)],
        ).fetchall()
    units: dict[str, dict[str, int]] = defaultdict(dict)
    for order_id, sku, quantity in lines:
        units[order_id][sku] = quantity
    return [
        Outcome(order_id, status, reason, total, placed_at, confirmed, fulfilled_at, units[order_id])
        for order_id, status, reason, total, placed_at, confirmed, fulfilled_at in orders
    ]


def decided_levels(database: Database, skus: Sequence[str]) -> Mapping[str, Level]:
    """Return the stock of those skus that have any, as PostgreSQL has it. Raises LocalError."""
    with _inventory(database) as connection:
        rows = connection.execute(
            "SELECT sku, on_hand, allocated, shipped_total, version FROM product_info WHERE sku = ANY(%s)",
            [list(skus)],
        ).fetchall()
    return {sku: Level(*rest) for sku, *rest in rows}


def projected_levels(dynamodb: Any, table: str) -> Mapping[str, Level]:
    """Return the stock of every sku as DynamoDB has it."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        ProjectionExpression="sku, version, on_hand, allocated, shipped_total",
    )
    return {
        item["sku"]["S"]: Level(*(int(item[name]["N"]) for name in Level._fields))
        for page in pages
        for item in page["Items"]
    }


@contextmanager
def _inventory(database: Database) -> Iterator[psycopg.Connection[TupleRow]]:
    try:
        with psycopg.connect(
            host=database["host"],
            port=database["port"],
            user=database["username"],
            password=database["password"],
            dbname="inventory",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise LocalError(f"the database does not answer: {error}") from error

"""The decision side in PostgreSQL: set-based, a constant number of statements per call."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from adapters.postgres.arrays import array
from adapters.postgres.database import Database
from adapters.postgres.transaction import (
    LEVEL,
    MOVEMENT,
    OPEN,
    SUMMARY,
    PostgresTransaction,
    is_uuid,
    level,
    movement,
    order,
    reason,
    with_lines,
)
from domain.decisions import Transaction
from domain.errors import Unavailable
from domain.inventory.movement import Movement
from domain.inventory.stock import StockLevel
from domain.orders.order import Event, OpenOrders, Order, Status, Summary
from domain.outbox import Backlog, Message, Publisher, Relayed, Topic, Written

logger = logging.getLogger(__name__)


class PostgresDecisions:
    """Orders, stock and outbox in the database `inventory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction; commit at the end of the block, roll back when it raises."""
        with self._database.transaction() as connection:
            yield PostgresTransaction(connection)

    def order(self, order_id: str) -> Order | None:
        """Return one order with its lines."""
        if not is_uuid(order_id):
            return None
        with self._database.transaction() as connection:
            rows = connection.execute(f"SELECT {SUMMARY} FROM orders WHERE id = %s", [order_id]).fetchall()
            return next(iter(with_lines(connection, [order(row) for row in rows])), None)

    def events(self, order_id: str) -> Sequence[Event]:
        """Return an order's steps in order."""
        rows = self._database.query(
            "SELECT version, status, reason, at FROM order_events WHERE order_id = %s ORDER BY version",
            [order_id],
        )
        return [Event(version, Status(status), reason(why), at) for version, status, why, at in rows]

    def orders_of(self, customer_id: str, limit: int, before: str | None = None) -> Sequence[Summary]:
        """Return up to `limit` of a customer's orders, newest first, from those older than the id `before`."""
        older, values = ("AND id < %s", [before]) if before else ("", [])
        rows = self._database.query(
            f"SELECT {SUMMARY} FROM orders WHERE customer_id = %s {older} ORDER BY id DESC LIMIT %s",
            [customer_id, *values, limit],
        )
        return [order(row) for row in rows]

    def open_orders(self, before: datetime, limit: int) -> OpenOrders:
        """Count the orders that have been PLACED or CONFIRMED since before that time; return up to `limit` of them."""
        rows = self._database.query(
            f"SELECT count(*) OVER (), {SUMMARY} FROM orders WHERE {OPEN} AND updated_at < %s"
            " ORDER BY updated_at, id LIMIT %s",
            [before, limit],
        )
        return OpenOrders(rows[0][0] if rows else 0, [order(row[1:]) for row in rows])

    def movement(self, movement_id: str) -> Movement | None:
        """Return one movement."""
        rows = self._database.query(f"SELECT {MOVEMENT} FROM movements WHERE id = %s", [movement_id])
        return next((movement(row) for row in rows), None)

    def movements(self, sku: str, limit: int, before: int | None = None) -> Sequence[Movement]:
        """Return up to `limit` of a sku's movements, newest first, from those older than the version `before`."""
        older, values = ("AND version < %s", [before]) if before is not None else ("", [])
        rows = self._database.query(
            f"SELECT {MOVEMENT} FROM movements WHERE sku = %s {older} ORDER BY version DESC LIMIT %s",
            [sku, *values, limit],
        )
        return [movement(row) for row in rows]

    def levels_of(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Return the levels of those skus that have one, in order of sku."""
        rows = self._database.query(
            f"SELECT {LEVEL} FROM product_info WHERE sku = ANY(%s::text[]) ORDER BY sku", [array(skus)]
        )
        return [level(row) for row in rows]

    def stock_levels(self, limit: int, after: str = "") -> Sequence[StockLevel]:
        """Return up to `limit` levels whose sku comes after `after`, in order of sku."""
        rows = self._database.query(
            f"SELECT {LEVEL} FROM product_info WHERE sku > %s ORDER BY sku LIMIT %s",
            [after, limit],
        )
        return [level(row) for row in rows]

    def forget(self, ids: Collection[int]) -> None:
        """Remove delivered messages; unknown ids are fine."""
        try:
            self._database.execute("DELETE FROM outbox WHERE id = ANY(%s::bigint[])", [array(ids)])
        except Unavailable:
            logger.warning(
                "sent and not forgotten, to be sent again by the relay: %d messages", len(ids), exc_info=True
            )
            raise

    def relay(self, publisher: Publisher, written_before: datetime, limit: int, after: int = 0) -> Relayed:
        """Send up to `limit` messages numbered above `after`, written before that time; forget those delivered."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT id, topic, key, body FROM outbox WHERE id > %s AND written_at < %s"
                " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                [after, written_before, limit],
            ).fetchall()
            delivered = publisher.send([_written(row) for row in rows]) if rows else []
            connection.execute("DELETE FROM outbox WHERE id = ANY(%s::bigint[])", [array(delivered)])
        return Relayed(rows[-1][0] if rows else 0, len(delivered))

    def prune(self, now: datetime, limit: int) -> int:
        """Remove up to `limit` idempotency keys that have expired; return how many."""
        expired = "SELECT scope FROM idempotency_keys WHERE expires_at <= %s ORDER BY expires_at LIMIT %s"
        removed = self._database.execute(
            f"DELETE FROM idempotency_keys WHERE scope IN ({expired} FOR UPDATE SKIP LOCKED)", [now, limit]
        )
        return removed.rowcount

    def backlog(self) -> Backlog:
        """Return what waits."""
        (row,) = self._database.query("SELECT count(*), min(written_at) FROM outbox")
        return Backlog(*row)


def _written(row: Sequence[Any]) -> Written:
    number, topic, key, body = row
    return Written(number, Message(Topic(topic), key, json.loads(body)))

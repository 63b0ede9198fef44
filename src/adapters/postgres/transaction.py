"""One transaction of the decision side. Every write goes through unnest, so its cost is one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.postgres.arrays import array
from adapters.postgres.database import Connection
from domain.idempotency import RETENTION, Claim, Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.stock import StockLevel
from domain.orders.order import Line, Order, Reason, Status, Summary
from domain.outbox import Message, Written
from domain.ports import ID, NO_ID

SUMMARY = (
    "id::text AS told, customer_id, status, reason, currency, total_minor, line_count, placed_at, updated_at, version"
)
"""The id has another name here, so that ORDER BY id is the column's order, which its indexes have, not its text's."""
MOVEMENT = "id::text, sku, kind, quantity, reason, order_id::text, actor, at, version"
OPEN = "status IN ('PLACED', 'CONFIRMED')"
"""Word for word the condition of the index that finds these orders."""
LEVEL = "sku, on_hand, allocated, shipped_total, version, updated_at"


class PostgresTransaction:
    """The statements of one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.written: list[Written] = []

    def claim(self, key: Key, resource: str, now: datetime) -> Claim | None:
        """Take a key for `resource`; return None, or the living claim that somebody holds already."""
        taken = self._connection.execute(
            "INSERT INTO idempotency_keys AS held (scope, fingerprint, resource, expires_at)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT (scope) DO UPDATE"
            " SET fingerprint = excluded.fingerprint, resource = excluded.resource, expires_at = excluded.expires_at"
            " WHERE held.expires_at <= %s RETURNING scope",
            [key.scope, key.fingerprint, resource, now + RETENTION, now],
        ).fetchone()
        if taken:
            return None
        held = self._connection.execute(
            "SELECT fingerprint, resource::text FROM idempotency_keys WHERE scope = %s", [key.scope]
        ).fetchone()
        if held is None:
            raise AssertionError("a held key cannot vanish: only its own transaction writes it")
        return Claim(*held)

    def insert_order(self, order: Order) -> None:
        """Store a new order with its lines and first event."""
        self._connection.execute(
            "INSERT INTO orders (id, customer_id, status, reason, currency, total_minor, line_count,"
            " placed_at, updated_at, version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                order.id, order.customer_id, order.status, order.reason, order.currency, order.total_minor,
                order.line_count, order.placed_at, order.updated_at, order.version,
            ],
        )  # fmt: skip
        self._connection.execute(
            "INSERT INTO order_lines (order_id, position, sku, quantity, unit_price_minor)"
            " SELECT %s, line.* FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[]) AS line",
            [
                order.id,
                array(range(len(order.lines))),
                array(line.sku for line in order.lines),
                array(line.quantity for line in order.lines),
                array(line.unit_price_minor for line in order.lines),
            ],
        )
        self._connection.execute(
            "INSERT INTO order_events (order_id, version, status, reason, at) VALUES (%s, %s, %s, %s, %s)",
            [order.id, order.version, order.status, order.reason, order.updated_at],
        )

    def lock_orders(self, ids: Collection[str]) -> Sequence[Order]:
        """Lock and return those orders that exist, by id.

        Their keys stay: what only refers to an order need not wait for whoever decides it.
        """
        rows = self._connection.execute(
            f"SELECT {SUMMARY} FROM orders WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE",
            [array(one for one in ids if is_uuid(one))],
        ).fetchall()
        return with_lines(self._connection, [order(row) for row in rows])

    def lock_open_orders(self, since: datetime, before: datetime, limit: int, after: str = NO_ID) -> Sequence[Summary]:
        """Lock and return up to `limit` open orders, last changed from `since` on and before `before`, oldest first."""
        rows = self._connection.execute(
            f"SELECT {SUMMARY} FROM orders WHERE {OPEN} AND (updated_at, id) > (%s, %s) AND updated_at < %s"
            " ORDER BY updated_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
            [since, after, before, limit],
        ).fetchall()
        return [order(row) for row in rows]

    def lock_stock(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Lock and return the levels of those skus that have one, by sku."""
        rows = self._connection.execute(
            f"SELECT {LEVEL} FROM product_info WHERE sku = ANY(%s::text[]) ORDER BY sku FOR UPDATE", [array(skus)]
        ).fetchall()
        return [level(row) for row in rows]

    def open_stock(self, sku: str, at: datetime) -> StockLevel:
        """Lock and return one sku's level, made empty (version 0) when there is none."""
        self._connection.execute(
            f"INSERT INTO product_info ({LEVEL}) VALUES (%s, 0, 0, 0, 0, %s) ON CONFLICT (sku) DO NOTHING",
            [sku, at],
        )
        (locked,) = self.lock_stock([sku])
        return locked

    def save_orders(self, orders: Collection[Order]) -> None:
        """Store new versions of locked orders, and the event of each."""
        self._connection.execute(
            "WITH new AS (SELECT * FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[], %s::timestamptz[])"
            " AS new (id, version, status, reason, at)), saved AS (UPDATE orders SET status = new.status,"
            " reason = new.reason, version = new.version, updated_at = new.at FROM new WHERE orders.id = new.id)"
            " INSERT INTO order_events (order_id, version, status, reason, at) SELECT * FROM new",
            _steps(orders),
        )

    def save_stock(self, levels: Collection[StockLevel]) -> None:
        """Store new versions of locked levels."""
        if not levels:
            return
        self._connection.execute(
            "UPDATE product_info SET on_hand = new.on_hand, allocated = new.allocated,"
            " shipped_total = new.shipped_total, version = new.version, updated_at = new.updated_at"
            " FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])"
            " AS new (sku, on_hand, allocated, shipped_total, version, updated_at)"
            " WHERE product_info.sku = new.sku",
            [array(getattr(one, column) for one in levels) for column in LEVEL.split(", ")],
        )

    def insert_movement(self, movement: Movement) -> None:
        """Store a movement."""
        self._connection.execute(
            "INSERT INTO movements (id, sku, kind, quantity, reason, order_id, actor, at, version) VALUES"
            " (%(id)s, %(sku)s, %(kind)s, %(quantity)s, %(reason)s, %(order_id)s, %(actor)s, %(at)s, %(version)s)",
            vars(movement),
        )

    def returned(self, order_id: str, sku: str) -> int:
        """Return how many units of a sku have come back from a locked order."""
        ((units,),) = self._connection.execute(
            "SELECT coalesce(sum(quantity), 0)::bigint FROM movements"
            " WHERE order_id = %s AND sku = %s AND kind = 'return'",
            [order_id, sku],
        ).fetchall()
        return int(units)

    def publish(self, messages: Iterable[Message], at: datetime) -> None:
        """Write messages to the outbox."""
        batch = list(messages)
        if not batch:
            return
        rows = self._connection.execute(
            "INSERT INTO outbox (topic, key, body, written_at)"
            " SELECT topic, key, body, %s FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY"
            " AS new (topic, key, body, position) ORDER BY position RETURNING id",
            [
                at,
                array(message.topic for message in batch),
                array(message.key for message in batch),
                array(message.text for message in batch),
            ],
        ).fetchall()
        self.written += [Written(number, message) for (number,), message in zip(rows, batch, strict=True)]


def with_lines(connection: Connection, orders: Sequence[Order]) -> list[Order]:
    """Return the orders with their lines read, in one statement."""
    rows = connection.execute(
        "SELECT order_id::text AS told, sku, quantity, unit_price_minor FROM order_lines"
        " WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, position",
        [array(order.id for order in orders)],
    ).fetchall()
    lines: dict[str, list[Line]] = {order.id: [] for order in orders}
    for order_id, *line in rows:
        lines[order_id].append(Line(*line))
    return [replace(order, lines=tuple(lines[order.id])) for order in orders]


def order(row: Sequence[Any]) -> Order:
    """Return an order, its lines not read, from the columns SUMMARY."""
    order_id, customer_id, status, why, *rest = row
    return Order(order_id, customer_id, Status(status), reason(why), *rest)


def reason(text: str | None) -> Reason | None:
    """Return a stored reason."""
    return Reason(text) if text else None


def level(row: Sequence[Any]) -> StockLevel:
    """Return a stock level from the columns LEVEL."""
    return StockLevel(*row)


def movement(row: Sequence[Any]) -> Movement:
    """Return a movement from the columns MOVEMENT."""
    movement_id, sku, kind, *rest = row
    return Movement(movement_id, sku, Kind(kind), *rest)


def is_uuid(text: str) -> bool:
    """Say whether the text can be an id at all."""
    return ID.fullmatch(text) is not None


def _steps(orders: Collection[Order]) -> list[str]:
    events = [order.event() for order in orders]
    return [
        array(order.id for order in orders),
        array(event.version for event in events),
        array(event.status for event in events),
        array(event.reason for event in events),
        array(event.at for event in events),
    ]

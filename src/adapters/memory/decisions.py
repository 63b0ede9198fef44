"""The decision side in memory: one lock, and a copy to go back to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock

from domain.decisions import Transaction
from domain.idempotency import RETENTION, Claim, Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.stock import StockLevel
from domain.orders.order import Event, OpenOrders, Order, Status, Summary
from domain.outbox import Backlog, Message, Publisher, Relayed, Written
from domain.ports import NO_ID


@dataclass
class Tables:
    """Everything that a transaction may change; rows are immutable, so a shallow copy is a snapshot."""

    orders: dict[str, Order] = field(default_factory=dict)
    events: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    stock: dict[str, StockLevel] = field(default_factory=dict)
    movements: dict[str, Movement] = field(default_factory=dict)
    claims: dict[str, tuple[Claim, datetime]] = field(default_factory=dict)
    outbox: dict[int, tuple[Written, datetime]] = field(default_factory=dict)
    last_number: int = 0

    def snapshot(self) -> Tables:
        """Return a copy that changes here do not reach."""
        return Tables(**{name: copy(value) for name, value in vars(self).items()})


class MemoryTransaction:
    """The calls of one open transaction, on tables that it has to itself."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.written: list[Written] = []

    def claim(self, key: Key, resource: str, now: datetime) -> Claim | None:
        """Take a key for `resource`; return None, or the living claim that somebody holds already."""
        held, expires_at = self._tables.claims.get(key.scope, (None, now))
        if held is not None and expires_at > now:
            return held
        self._tables.claims[key.scope] = (Claim(key.fingerprint, resource), now + RETENTION)
        return None

    def insert_order(self, order: Order) -> None:
        """Store a new order with its lines and first event."""
        self.save_orders([order])

    def lock_orders(self, ids: Collection[str]) -> Sequence[Order]:
        """Return those orders that exist, by id."""
        return [self._tables.orders[one] for one in sorted(set(ids)) if one in self._tables.orders]

    def lock_open_orders(self, since: datetime, before: datetime, limit: int, after: str = NO_ID) -> Sequence[Summary]:
        """Return up to `limit` open orders, last changed from `since` on and before `before`, oldest first."""
        return [one for one in _open(self._tables, before) if (one.updated_at, one.id) > (since, after)][:limit]

    def lock_stock(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Return the levels of those skus that have one, by sku."""
        return [self._tables.stock[sku] for sku in sorted(set(skus)) if sku in self._tables.stock]

    def open_stock(self, sku: str, at: datetime) -> StockLevel:
        """Return one sku's level, made empty (version 0) when there is none."""
        return self._tables.stock.setdefault(sku, StockLevel(sku, 0, 0, 0, 0, at))

    def save_orders(self, orders: Collection[Order]) -> None:
        """Store new versions of orders, and the event of each."""
        for order in orders:
            self._tables.orders[order.id] = order
            self._tables.events[order.id] = (*self._tables.events.get(order.id, ()), order.event())

    def save_stock(self, levels: Collection[StockLevel]) -> None:
        """Store new versions of levels."""
        self._tables.stock.update({level.sku: level for level in levels})

    def insert_movement(self, movement: Movement) -> None:
        """Store a movement."""
        self._tables.movements[movement.id] = movement

    def returned(self, order_id: str, sku: str) -> int:
        """Return how many units of a sku have come back from a locked order."""
        of_order = [one for one in self._tables.movements.values() if (one.order_id, one.sku) == (order_id, sku)]
        return sum(one.quantity for one in of_order if one.kind is Kind.RETURN)

    def publish(self, messages: Iterable[Message], at: datetime) -> None:
        """Write messages to the outbox."""
        for message in messages:
            self._tables.last_number += 1
            written = Written(self._tables.last_number, message)
            self._tables.outbox[written.id] = (written, at)
            self.written.append(written)


class MemoryDecisions:
    """Orders, stock and outbox in memory; one transaction at a time."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._lock = RLock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction; commit at the end of the block, roll back when it raises."""
        with self._lock:
            tables = self._tables.snapshot()
            yield MemoryTransaction(tables)
            self._tables = tables

    def order(self, order_id: str) -> Order | None:
        """Return one order with its lines."""
        return self._tables.orders.get(order_id)

    def events(self, order_id: str) -> Sequence[Event]:
        """Return an order's steps in order."""
        return self._tables.events.get(order_id, ())

    def orders_of(self, customer_id: str, limit: int, before: str | None = None) -> Sequence[Summary]:
        """Return up to `limit` of a customer's orders, newest first, from those older than the id `before`."""
        own = [order for order in self._tables.orders.values() if order.customer_id == customer_id]
        older = [order for order in own if before is None or order.id < before]
        return sorted(older, key=lambda order: order.id, reverse=True)[:limit]

    def open_orders(self, before: datetime, limit: int) -> OpenOrders:
        """Count the orders that have been PLACED or CONFIRMED since before that time; return up to `limit` of them."""
        found = _open(self._tables, before)
        return OpenOrders(len(found), found[:limit])

    def movement(self, movement_id: str) -> Movement | None:
        """Return one movement."""
        return self._tables.movements.get(movement_id)

    def movements(self, sku: str, limit: int, before: int | None = None) -> Sequence[Movement]:
        """Return up to `limit` of a sku's movements, newest first, from those older than the version `before`."""
        own = [one for one in self._tables.movements.values() if one.sku == sku]
        older = [one for one in own if before is None or one.version < before]
        return sorted(older, key=lambda one: one.version, reverse=True)[:limit]

    def levels_of(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Return the levels of those skus that have one, in order of sku."""
        return [self._tables.stock[sku] for sku in sorted(set(skus)) if sku in self._tables.stock]

    def stock_levels(self, limit: int, after: str = "") -> Sequence[StockLevel]:
        """Return up to `limit` levels whose sku comes after `after`, in order of sku."""
        return [level for sku, level in sorted(self._tables.stock.items()) if sku > after][:limit]

    def forget(self, ids: Collection[int]) -> None:
        """Remove delivered messages; unknown ids are fine."""
        with self._lock:
            for number in ids:
                self._tables.outbox.pop(number, None)

    def relay(self, publisher: Publisher, written_before: datetime, limit: int, after: int = 0) -> Relayed:
        """Send up to `limit` messages numbered above `after`, written before that time; forget those delivered."""
        with self._lock:
            waiting = [written for written, at in self._tables.outbox.values() if at < written_before]
            left = [written for written in waiting if written.id > after][:limit]
            delivered = publisher.send(left) if left else []
            self.forget(delivered)
            return Relayed(left[-1].id if left else 0, len(delivered))

    def prune(self, now: datetime, limit: int) -> int:
        """Remove up to `limit` idempotency keys that have expired; return how many."""
        with self._lock:
            expired = [scope for scope, (_, end) in self._tables.claims.items() if end <= now][:limit]
            for scope in expired:
                del self._tables.claims[scope]
            return len(expired)

    def backlog(self) -> Backlog:
        """Return what waits."""
        times = [at for _, at in self._tables.outbox.values()]
        return Backlog(len(times), min(times, default=None))

    @property
    def outbox(self) -> Mapping[int, Written]:
        """What waits, for tests to look at."""
        return {number: written for number, (written, _) in self._tables.outbox.items()}


def _open(tables: Tables, before: datetime) -> list[Order]:
    waiting = [order for order in tables.orders.values() if order.status in (Status.PLACED, Status.CONFIRMED)]
    return sorted((order for order in waiting if order.updated_at < before), key=lambda one: (one.updated_at, one.id))

"""The decision side: one store whose transactions decide orders and stock together.

Lock order, everywhere: orders by id, then stock by sku. Keys are claimed before any lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from domain.idempotency import Claim, Key
from domain.inventory.movement import Movement
from domain.inventory.stock import StockLevel
from domain.orders.order import Event, OpenOrders, Order, Summary
from domain.outbox import Message, Outbox, Written
from domain.ports import NO_ID


class Transaction(Protocol):
    """One transaction: everything in it happens, or nothing does.

    A constant number of statements per call, however many orders, lines and skus are given.
    """

    def claim(self, key: Key, resource: str, now: datetime) -> Claim | None:
        """Take a key for `resource`; return None, or the living claim that somebody holds already.

        Waits for a transaction that is about to claim the same key.
        """

    def insert_order(self, order: Order) -> None:
        """Store a new order with its lines and first event."""

    def lock_orders(self, ids: Collection[str]) -> Sequence[Order]:
        """Lock and return those orders that exist, by id."""

    def lock_open_orders(self, since: datetime, before: datetime, limit: int, after: str = NO_ID) -> Sequence[Summary]:
        """Lock and return up to `limit` open orders, last changed from `since` on and before `before`, oldest first.

        Of those changed at the very time `since` only the ids behind `after` count, so that a page can begin where
        another ended.
        Waits for nobody: orders that somebody else has locked are passed over.
        """

    def lock_stock(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Lock and return the levels of those skus that have one, by sku."""

    def open_stock(self, sku: str, at: datetime) -> StockLevel:
        """Lock and return one sku's level, made empty (version 0) when there is none."""

    def save_orders(self, orders: Collection[Order]) -> None:
        """Store new versions of locked orders, and the event of each."""

    def save_stock(self, levels: Collection[StockLevel]) -> None:
        """Store new versions of locked levels."""

    def insert_movement(self, movement: Movement) -> None:
        """Store a movement."""

    def returned(self, order_id: str, sku: str) -> int:
        """Return how many units of a sku have come back from a locked order."""

    def publish(self, messages: Iterable[Message], at: datetime) -> None:
        """Write messages to the outbox."""

    @property
    def written(self) -> Sequence[Written]:
        """What this transaction wrote to the outbox, to be delivered after it has committed."""


class Decisions(Outbox, Protocol):
    """The store. Reads see what has committed."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a transaction; commit at the end of the block, roll back when it raises."""

    def prune(self, now: datetime, limit: int) -> int:
        """Remove up to `limit` idempotency keys that have expired; return how many."""

    def order(self, order_id: str) -> Order | None:
        """Return one order with its lines."""

    def events(self, order_id: str) -> Sequence[Event]:
        """Return an order's steps in order."""

    def orders_of(self, customer_id: str, limit: int, before: str | None = None) -> Sequence[Summary]:
        """Return up to `limit` of a customer's orders, newest first, from those older than the id `before`."""

    def open_orders(self, before: datetime, limit: int) -> OpenOrders:
        """Count the orders that have been PLACED or CONFIRMED since before that time; return up to `limit` of them."""

    def movement(self, movement_id: str) -> Movement | None:
        """Return one movement."""

    def movements(self, sku: str, limit: int, before: int | None = None) -> Sequence[Movement]:
        """Return up to `limit` of a sku's movements, newest first, from those older than the version `before`."""

    def levels_of(self, skus: Collection[str]) -> Sequence[StockLevel]:
        """Return the levels of those skus that have one, in order of sku."""

    def stock_levels(self, limit: int, after: str = "") -> Sequence[StockLevel]:
        """Return up to `limit` levels whose sku comes after `after`, in order of sku."""

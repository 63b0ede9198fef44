"""Deciding orders in batches: what the two queues do, and what is done when they cannot.

All steps expect a status and pass over orders that have left it, so a message may come twice or late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from domain.catalog.products import Products
from domain.decisions import Decisions, Transaction
from domain.errors import NotFound
from domain.inventory.stock import Ledger
from domain.orders.order import Order, Reason, Status
from domain.outbox import Publisher, Topic, deliver
from domain.ports import Clock

T = TypeVar("T")


def allocate_orders(
    order_ids: Collection[str], *, products: Products, store: Decisions, publisher: Publisher, clock: Clock
) -> Mapping[str, Order]:
    """Confirm or reject placed orders, all lines of an order or none, in one transaction.

    Returns the orders that were decided here, by id. Raises NotFound when an id is not an order; nothing
    happens then.
    """

    def decide(tx: Transaction, placed: Sequence[Order]) -> Sequence[Order]:
        skus = {sku for order in placed for sku in order.quantities}
        sold = {sku for sku, product in products.find(skus).items() if product.active}
        ledger = Ledger(tx.lock_stock(skus), clock())
        decided = [_allocate(order, ledger, sold, clock) for order in placed]
        _save(tx, decided, ledger, clock)
        return decided

    return _batch(order_ids, Status.PLACED, decide, store, publisher)


def _allocate(order: Order, ledger: Ledger, sold: Collection[str], clock: Clock) -> Order:
    if not all(sku in sold for sku in order.quantities):
        return order.to(Status.REJECTED, clock(), Reason.DISCONTINUED)
    if not ledger.can_allocate(order.quantities):
        return order.to(Status.REJECTED, clock(), Reason.OUT_OF_STOCK)
    ledger.allocate(order.quantities)
    return order.to(Status.CONFIRMED, clock())


def ship_orders(
    order_ids: Collection[str], *, store: Decisions, publisher: Publisher, clock: Clock
) -> Mapping[str, Order]:
    """Ship confirmed orders in one transaction; cancelled ones stay where they are.

    Returns the orders that were decided here, by id. Raises NotFound when an id is not an order; nothing
    happens then.
    """

    def decide(tx: Transaction, confirmed: Sequence[Order]) -> Sequence[Order]:
        ledger = Ledger(tx.lock_stock({sku for order in confirmed for sku in order.quantities}), clock())
        for order in confirmed:
            ledger.ship(order.quantities)
        fulfilled = [order.to(Status.FULFILLED, clock()) for order in confirmed]
        _save(tx, fulfilled, ledger, clock)
        return fulfilled

    return _batch(order_ids, Status.CONFIRMED, decide, store, publisher)


def abandon_orders(
    order_ids: Collection[str], expected: Status, *, store: Decisions, publisher: Publisher, clock: Clock
) -> Mapping[str, Order]:
    """Reject, in one transaction, orders that still wait in a status: PLACED, or CONFIRMED, whose units are freed.

    Returns the orders that were decided here, by id. Orders that have gone on are passed over, and so are ids
    of no order.
    """

    def decide(tx: Transaction, waiting: Sequence[Order]) -> Sequence[Order]:
        promised = waiting if expected is Status.CONFIRMED else []
        ledger = Ledger(tx.lock_stock({sku for order in promised for sku in order.quantities}), clock())
        for order in promised:
            ledger.release(order.quantities)
        rejected = [order.to(Status.REJECTED, clock(), Reason.ABANDONED) for order in waiting]
        _save(tx, rejected, ledger, clock)
        return rejected

    return _batch(order_ids, expected, decide, store, publisher, all_known=False)


def _batch(
    order_ids: Collection[str],
    expected: Status,
    decide: Callable[[Transaction, Sequence[Order]], Sequence[Order]],
    store: Decisions,
    publisher: Publisher,
    *,
    all_known: bool = True,
) -> Mapping[str, Order]:
    with store.transaction() as tx:
        locked = tx.lock_orders(order_ids)
        if all_known and (missing := set(order_ids) - {order.id for order in locked}):
            raise NotFound(f"there is no order {', '.join(sorted(missing))}")
        waiting = [order for order in locked if order.status is expected]
        decided = decide(tx, waiting) if waiting else []
    deliver(tx.written, store, publisher)
    return {order.id: order for order in decided}


def _save(tx: Transaction, orders: Sequence[Order], ledger: Ledger, clock: Clock) -> None:
    levels = ledger.changed()
    tx.save_orders(orders)
    tx.save_stock(levels)
    confirmed = [order.task(Topic.CONFIRMED) for order in orders if order.status is Status.CONFIRMED]
    tx.publish([*confirmed, *(order.message() for order in orders), *(level.message() for level in levels)], clock())

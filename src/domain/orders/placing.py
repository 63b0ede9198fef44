"""Placing, reading and cancelling orders: what customers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog.products import Product, Products
from domain.decisions import Decisions
from domain.errors import Conflict, FieldProblem, InvalidInput, NotFound
from domain.idempotency import Key
from domain.inventory.stock import Ledger
from domain.orders.order import Event, Line, Order, Status
from domain.outbox import Publisher, Topic, deliver
from domain.ports import Clock, NewId

MAX_TOTAL = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8259, section 6), in minor units."""


@dataclass(frozen=True)
class PlaceOrder:
    """A customer's wish: (sku, quantity) pairs, under an idempotency key."""

    customer_id: str
    lines: Sequence[tuple[str, int]]
    key: Key


def place_order(
    wish: PlaceOrder,
    *,
    products: Products,
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
    new_id: NewId,
) -> Order:
    """Place an order at the catalogue's prices.

    The same key again returns the order as it was placed, whatever has become of the products since.

    Raises InvalidInput naming unknown skus, mixed currencies or a total above MAX_TOTAL, and KeyReused.
    """
    order_id, now = new_id(), clock()
    found = products.find({sku for sku, _ in wish.lines})
    with store.transaction() as tx:
        claim = tx.claim(wish.key, order_id, now)
        if claim is None:
            order = _priced(wish, found, order_id, now)
            tx.insert_order(order)
            tx.publish([order.task(Topic.PLACED), order.message()], now)
    if claim is not None:
        return get_order(claim.resource_for(wish.key), wish.customer_id, store)[0].as_placed()
    deliver(tx.written, store, publisher)
    return order


def _priced(wish: PlaceOrder, products: Mapping[str, Product], order_id: str, now: datetime) -> Order:
    _check(wish, products)
    lines = tuple(Line(sku, quantity, products[sku].price_minor) for sku, quantity in wish.lines)
    total = sum(line.quantity * line.unit_price_minor for line in lines)
    if total > MAX_TOTAL:
        raise InvalidInput("the order is too large", [FieldProblem("lines", f"add up to more than {MAX_TOTAL}")])
    return Order(
        id=order_id,
        customer_id=wish.customer_id,
        status=Status.PLACED,
        reason=None,
        currency=products[lines[0].sku].currency,
        total_minor=total,
        line_count=len(lines),
        placed_at=now,
        updated_at=now,
        lines=lines,
    )


def _check(wish: PlaceOrder, products: Mapping[str, Product]) -> None:
    sold = {sku for sku, product in products.items() if product.active}
    problems = [
        FieldProblem(f"lines[{i}].sku", f"{sku} is not sold")
        for i, (sku, _) in enumerate(wish.lines)
        if sku not in sold
    ]
    if problems:
        raise InvalidInput("the order names products that are not sold", problems)
    currencies = sorted({products[sku].currency for sku, _ in wish.lines})
    if len(currencies) != 1:
        found = " and ".join(currencies) or "none"
        raise InvalidInput("one order, one currency", [FieldProblem("lines", f"currencies found: {found}")])


def get_order(order_id: str, customer_id: str, store: Decisions) -> tuple[Order, Sequence[Event]]:
    """Return a customer's own order and its steps. Raises NotFound, for another's order too."""
    order = store.order(order_id)
    if order is None or order.customer_id != customer_id:
        raise NotFound(f"you have no order {order_id}")
    return order, store.events(order_id)


def cancel_order(order_id: str, customer_id: str, *, store: Decisions, publisher: Publisher, clock: Clock) -> Order:
    """Cancel a customer's own order; cancelling it again changes nothing.

    Raises NotFound, and Conflict when the order was rejected or has shipped.
    """
    with store.transaction() as tx:
        order = next(iter(tx.lock_orders([order_id])), None)
        if order is None or order.customer_id != customer_id:
            raise NotFound(f"you have no order {order_id}")
        if order.status is Status.CANCELLED:
            return order
        if order.status not in (Status.PLACED, Status.CONFIRMED):
            raise Conflict(f"the order is {order.status} and cannot be cancelled any more")
        now = clock()
        ledger = Ledger([], now)
        if order.status is Status.CONFIRMED:
            ledger = Ledger(tx.lock_stock(order.quantities), now)
            ledger.release(order.quantities)
        cancelled = order.to(Status.CANCELLED, now)
        tx.save_orders([cancelled])
        tx.save_stock(ledger.changed())
        tx.publish([cancelled.message(), *(level.message() for level in ledger.changed())], now)
    deliver(tx.written, store, publisher)
    return cancelled

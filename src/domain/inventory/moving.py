"""Moving stock by hand: receipts, adjustments, and the audit trail that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog.products import Products, get_product
from domain.decisions import Decisions, Transaction
from domain.errors import Conflict, FieldProblem, InvalidInput
from domain.idempotency import Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.stock import Ledger
from domain.orders.order import Status
from domain.outbox import Publisher, deliver
from domain.ports import Clock, NewId


@dataclass(frozen=True)
class MoveStock:
    """So many units of a sku came in (`quantity` above 0) or went out: why, for which order, who says so."""

    sku: str
    kind: Kind
    quantity: int
    actor: str
    key: Key
    reason: str | None = None
    order_id: str | None = None


def move_stock(
    move: MoveStock,
    *,
    products: Products,
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
    new_id: NewId,
) -> Movement:
    """Move units once; the same key again returns the first movement.

    Raises NotFound for a sku that is no product; InvalidInput for a return without an order that exists, and for
    anything else with one; Conflict when fewer units would be left than are promised to orders, or when more would
    come back than the order shipped; KeyReused.
    """
    sku = get_product(move.sku, products).sku
    movement_id, now = new_id(), clock()
    with store.transaction() as tx:
        claim = tx.claim(move.key, movement_id, now)
        if claim is None:
            _check_order(tx, sku, move)
            version = _change_stock(tx, sku, move.quantity, now)
            movement = Movement(
                movement_id, sku, move.kind, move.quantity, move.reason, move.order_id, move.actor, now, version
            )
            tx.insert_movement(movement)
    if claim is not None:
        return _earlier(store, claim.resource_for(move.key))
    deliver(tx.written, store, publisher)
    return movement


def list_movements(
    sku: str, products: Products, store: Decisions, limit: int, before: int | None = None
) -> Sequence[Movement]:
    """Return up to `limit` of a sku's movements, newest first, from those older than the version `before`.

    Raises NotFound for a sku that is no product.
    """
    return store.movements(get_product(sku, products).sku, limit, before)


def _check_order(tx: Transaction, sku: str, move: MoveStock) -> None:
    """Lock a return's order, and see that it shipped the units that come back and have not come back before."""
    if move.kind is not Kind.RETURN:
        if move.order_id:
            raise InvalidInput("only a return has an order", [FieldProblem("order_id", "belongs to returns alone")])
        return
    if not move.order_id:
        raise InvalidInput("a return needs its order", [FieldProblem("order_id", "name the order that shipped it")])
    order = next(iter(tx.lock_orders([move.order_id])), None)
    if order is None:
        raise InvalidInput("no such order", [FieldProblem("order_id", f"there is no order {move.order_id}")])
    if order.status is not Status.FULFILLED:
        raise Conflict(f"the order is {order.status}: only what has shipped can come back")
    shipped = order.quantities.get(sku, 0)
    left = max(0, shipped - tx.returned(order.id, sku))
    if move.quantity > left:
        raise Conflict(
            f"the order shipped {shipped} of {sku}, of which {left} can still come back: {move.quantity} cannot"
        )


def _change_stock(tx: Transaction, sku: str, quantity: int, now: datetime) -> int:
    """Change the sku's level and publish it; return its new version."""
    before = tx.open_stock(sku, now)
    ledger = Ledger([before], now)
    if not ledger.can_move(sku, quantity):
        raise Conflict(
            f"{sku} has {before.on_hand} on hand, of which {before.allocated} are promised to orders:"
            f" {-quantity} cannot go"
        )
    ledger.move(sku, quantity)
    (level,) = ledger.changed()
    tx.save_stock([level])
    tx.publish([level.message()], now)
    return level.version


def _earlier(store: Decisions, movement_id: str) -> Movement:
    movement = store.movement(movement_id)
    if movement is None:
        raise AssertionError(f"movement {movement_id} has a key but no row, though one transaction wrote both")
    return movement

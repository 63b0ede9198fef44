"""Taking units into stock."""

from __future__ import annotations

from dataclasses import dataclass

from domain.catalog.products import Products, get_product
from domain.decisions import Decisions, Receipt
from domain.errors import FieldProblem, InvalidInput
from domain.idempotency import Key
from domain.inventory.stock import Ledger
from domain.outbox import Publisher, deliver
from domain.ports import Clock, NewId


@dataclass(frozen=True)
class ReceiveStock:
    """So many units of a sku came in: why ("purchase" or "return"), for which order, who says so."""

    sku: str
    quantity: int
    reason: str
    order_id: str | None
    actor: str
    key: Key


def receive_stock(
    arrival: ReceiveStock,
    *,
    products: Products,
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
    new_id: NewId,
) -> Receipt:
    """Take units into stock once; the same key again returns the first receipt.

    Raises NotFound for a sku that is no product, InvalidInput for an order that does not exist, KeyReused.
    """
    sku = get_product(arrival.sku, products).sku
    if arrival.order_id and store.order(arrival.order_id) is None:
        raise InvalidInput("no such order", [FieldProblem("order_id", f"there is no order {arrival.order_id}")])
    receipt_id, now = new_id(), clock()
    with store.transaction() as tx:
        claim = tx.claim(arrival.key, receipt_id, now)
        if claim is None:
            ledger = Ledger([tx.open_stock(sku, now)], now)
            ledger.receive(sku, arrival.quantity)
            (level,) = ledger.changed()
            receipt = Receipt(
                receipt_id,
                sku,
                arrival.quantity,
                arrival.reason,
                arrival.order_id,
                arrival.actor,
                now,
                level.version,
            )
            tx.save_stock([level])
            tx.insert_receipt(receipt)
            tx.publish([level.message()], now)
    if claim is not None:
        return _earlier(store, claim.resource_for(arrival.key))
    deliver(tx.written, store, publisher)
    return receipt


def _earlier(store: Decisions, receipt_id: str) -> Receipt:
    receipt = store.receipt(receipt_id)
    if receipt is None:
        raise AssertionError(f"receipt {receipt_id} has a key but no row, though one transaction wrote both")
    return receipt

"""How movements of stock are shown in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from typing_extensions import TypedDict

from domain.inventory.movement import Kind, Movement
from handlers.http.response import rfc3339


class MovedJson(TypedDict):
    """What every view of a movement of stock says: who made which version of a sku's stock, and when."""

    id: str
    sku: str
    actor: str
    at: str
    version: int


class ReceiptJson(MovedJson):
    """Units that came in, and why."""

    quantity: int
    reason: Kind
    order_id: str | None


class AdjustmentJson(MovedJson):
    """How many units more, or, below 0, fewer there are than the books said, and why."""

    quantity_change: int
    reason: str | None


class MovementJson(AdjustmentJson):
    """A movement of any kind; `reason` belongs to adjustments, `order_id` to returns."""

    kind: Kind
    order_id: str | None


def receipt(one: Movement) -> ReceiptJson:
    """Return a movement as what came in; its kind is the reason."""
    return {
        "id": one.id,
        "sku": one.sku,
        "quantity": one.quantity,
        "reason": one.kind,
        "order_id": one.order_id,
        "actor": one.actor,
        "at": rfc3339(one.at),
        "version": one.version,
    }


def adjustment(one: Movement) -> AdjustmentJson:
    """Return a movement as a correction of the books."""
    return {
        "id": one.id,
        "sku": one.sku,
        "quantity_change": one.quantity,
        "reason": one.reason,
        "actor": one.actor,
        "at": rfc3339(one.at),
        "version": one.version,
    }


def movement(one: Movement) -> MovementJson:
    """Return a movement of any kind, as the audit trail shows it."""
    return {**adjustment(one), "kind": one.kind, "order_id": one.order_id}

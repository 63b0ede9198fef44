"""How orders, products and stock look in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.catalog.products import Product
from domain.identity.users import Tokens
from domain.inventory.movement import Movement
from domain.inventory.projection import Stock
from domain.orders.order import Event, Order, Summary


def rfc3339(at: datetime) -> str:
    """Return a time in UTC with milliseconds, as in "2026-11-20T21:40:00.123Z" (RFC 3339)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def signed_in(tokens: Tokens) -> dict[str, Any]:
    """Return tokens; no refresh token where none was given (RFC 6749, section 5.1)."""
    return {name: value for name, value in {**vars(tokens), "token_type": "Bearer"}.items() if value is not None}


def summary(order: Summary) -> dict[str, Any]:
    """Return an order as lists show it."""
    return {
        "id": order.id,
        "status": order.status,
        "reason": order.reason,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "line_count": order.line_count,
        "placed_at": rfc3339(order.placed_at),
    }


def whole_order(order: Order, events: Sequence[Event]) -> dict[str, Any]:
    """Return an order with its lines and events."""
    lines = [
        {"sku": line.sku, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor} for line in order.lines
    ]
    steps = [{"status": event.status, "reason": event.reason, "at": rfc3339(event.at)} for event in events]
    shown = summary(order)
    del shown["line_count"]
    return {**shown, "lines": lines, "events": steps}


def product(one: Product) -> dict[str, Any]:
    """Return a product."""
    return {
        "sku": one.sku,
        "name": one.name,
        "description": one.description,
        "price_minor": one.price_minor,
        "currency": one.currency,
        "active": one.active,
        "created_at": rfc3339(one.created_at),
        "updated_at": rfc3339(one.updated_at),
    }


def stock(one: Stock) -> dict[str, Any]:
    """Return a sku's stock as the projection shows it."""
    return {
        "sku": one.level.sku,
        "on_hand": one.level.on_hand,
        "allocated": one.level.allocated,
        "available": one.level.available,
        "version": one.level.version,
        "sold_last_hour": one.sold_last_hour,
        "updated_at": rfc3339(one.level.updated_at),
    }


def receipt(one: Movement) -> dict[str, Any]:
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


def adjustment(one: Movement) -> dict[str, Any]:
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


def movement(one: Movement) -> dict[str, Any]:
    """Return a movement of any kind, as the audit trail shows it."""
    return {**adjustment(one), "kind": one.kind, "order_id": one.order_id}

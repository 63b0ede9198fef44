"""How orders are shown in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict

from domain.orders.order import Event, Order, Reason, Status, Summary
from handlers.http.response import rfc3339


class LineJson(TypedDict):
    """So many units of one sku at the price of the day; prices in the currency's minor unit."""

    sku: str
    quantity: int
    unit_price_minor: int


class StepJson(TypedDict):
    """A status that an order reached, and when."""

    status: Status
    reason: Reason | None
    at: str


class OrderHeadJson(TypedDict):
    """What every view of an order says; `reason` is why it was rejected, `total_minor` in the currency's minor unit."""

    id: str
    status: Status
    reason: Reason | None
    currency: str
    total_minor: int
    placed_at: str


class SummaryJson(OrderHeadJson):
    """An order as lists show it."""

    line_count: int


class OrderJson(OrderHeadJson):
    """An order with its lines and with what has happened to it."""

    lines: list[LineJson]
    events: list[StepJson]


def summary(order: Summary) -> SummaryJson:
    """Return an order as lists show it."""
    return {**_head(order), "line_count": order.line_count}


def whole_order(order: Order, events: Sequence[Event]) -> OrderJson:
    """Return an order with its lines and events."""
    lines: list[LineJson] = [
        {"sku": line.sku, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor} for line in order.lines
    ]
    steps: list[StepJson] = [
        {"status": event.status, "reason": event.reason, "at": rfc3339(event.at)} for event in events
    ]
    return {**_head(order), "lines": lines, "events": steps}


def _head(order: Summary) -> OrderHeadJson:
    return {
        "id": order.id,
        "status": order.status,
        "reason": order.reason,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "placed_at": rfc3339(order.placed_at),
    }

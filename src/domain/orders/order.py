"""An order and the states it goes through.

PLACED ──► CONFIRMED ──► FULFILLED
  │  ├────────┬───► CANCELLED (by the customer)
  ├──┴────────┴───► REJECTED (abandoned: by an admin, who purged its dead letter)
  └──► REJECTED (out_of_stock, discontinued)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from domain.outbox import Message, Topic


class Status(StrEnum):
    """Where an order stands."""

    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class Reason(StrEnum):
    """Why an order was rejected."""

    OUT_OF_STOCK = "out_of_stock"
    DISCONTINUED = "discontinued"
    ABANDONED = "abandoned"
    """Its message died, and an admin gave it up."""


@dataclass(frozen=True)
class Line:
    """So many units of one sku at the catalogue's price; `unit_price_minor` in minor units."""

    sku: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True)
class Event:
    """One step of an order: its `version`, the status it reached, and when."""

    version: int
    status: Status
    reason: Reason | None
    at: datetime


@dataclass(frozen=True)
class Summary:
    """An order without its lines, as lists show it; `total_minor` in the currency's minor unit."""

    id: str
    customer_id: str
    status: Status
    reason: Reason | None
    currency: str
    total_minor: int
    line_count: int
    placed_at: datetime
    updated_at: datetime
    version: int = 1

    def task(self, topic: Topic) -> Message:
        """Return the message that asks for this order's next step; the receiver reads the order itself."""
        return Message(topic, self.id, {"order_id": self.id})


@dataclass(frozen=True)
class OpenOrders:
    """Orders that are PLACED or CONFIRMED: how many, and some of them, those first that have been so for longest."""

    number: int
    oldest: Sequence[Summary]


@dataclass(frozen=True)
class Order(Summary):
    """A whole order. Lines keep the order and the repeats in which the customer gave them."""

    lines: tuple[Line, ...] = ()

    @cached_property
    def quantities(self) -> Mapping[str, int]:
        """Units asked for by sku, repeated skus added up."""
        wanted: Counter[str] = Counter()
        for line in self.lines:
            wanted[line.sku] += line.quantity
        return wanted

    def as_placed(self) -> Order:
        """Return the order as its customer first saw it."""
        return replace(self, status=Status.PLACED, reason=None, version=1, updated_at=self.placed_at)

    def to(self, status: Status, at: datetime, reason: Reason | None = None) -> Order:
        """Return the order one step further."""
        return replace(self, status=status, reason=reason, version=self.version + 1, updated_at=at)

    def event(self) -> Event:
        """Return the step that led to this version."""
        return Event(self.version, self.status, self.reason, self.updated_at)

    def message(self) -> Message:
        """Return this step as the stream carries it."""
        body: dict[str, str | int | None] = {
            "type": "order",
            "order_id": self.id,
            "version": self.version,
            "status": self.status.value,
            "reason": self.reason.value if self.reason else None,
            "total_minor": self.total_minor,
            "at": self.updated_at.isoformat(),
        }
        return Message(Topic.EVENTS, self.id, body)

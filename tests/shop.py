"""A whole shop in memory: the use cases with every port plugged into its fake, and a clock that tests turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from adapters.memory.decisions import MemoryDecisions
from adapters.memory.others import MemoryProducts, MemoryPublisher
from domain.catalog.products import Product, deactivate_product
from domain.idempotency import Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.moving import MoveStock, move_stock
from domain.inventory.stock import StockLevel
from domain.orders.deciding import abandon_orders, allocate_orders, ship_orders
from domain.orders.order import Line, Order, Status
from domain.orders.placing import PlaceOrder, cancel_order, get_order, place_order
from domain.orders.sweeping import Swept, sweep_orders
from domain.outbox import Topic, relay
from domain.ports import MoreTime

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

_numbers = count(1)


def always() -> bool:
    """Say that there is more time."""
    return True


def new_id() -> str:
    """Return an id of version 7's form, larger than all before it in this process."""
    return str(UUID(int=next(_numbers) << 80 | 0x7 << 76 | 0b10 << 62))


def key(scope: str | None = None, fingerprint: str = "asked") -> Key:
    """Return an idempotency key; a new one unless its scope is given."""
    return Key(scope or f"key-{new_id()}", fingerprint)


def product(sku: str, price_minor: int = 250, currency: str = "GBP", *, active: bool = True) -> Product:
    """Return a product of the catalogue."""
    return Product(sku, f"Product {sku}", "", price_minor, currency, active, NOON, NOON)


def order(*lines: tuple[str, int], customer_id: str = "ann", at: datetime = NOON, price_minor: int = 250) -> Order:
    """Return an order as it is when placed."""
    wanted = tuple(Line(sku, quantity, price_minor) for sku, quantity in lines or [("TEA", 1)])
    return Order(
        id=new_id(),
        customer_id=customer_id,
        status=Status.PLACED,
        reason=None,
        currency="GBP",
        total_minor=sum(line.quantity * line.unit_price_minor for line in wanted),
        line_count=len(wanted),
        placed_at=at,
        updated_at=at,
        lines=wanted,
    )


def level(
    sku: str = "TEA",
    version: int = 1,
    *,
    on_hand: int = 10,
    allocated: int = 0,
    shipped_total: int = 0,
    at: datetime = NOON,
) -> StockLevel:
    """Return a stock level."""
    return StockLevel(sku, on_hand, allocated, shipped_total, version, at)


class Clock:
    """A clock that stands still until a test turns it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def tick(self, **amount: float) -> None:
        """Turn the clock forward by what timedelta takes."""
        self.now += timedelta(**amount)


class Shop:
    """The use cases over some adapters: in memory unless others are given."""

    def __init__(self, store: Any = None, products: Any = None, publisher: Any = None, clock: Any = None) -> None:
        self.store = store or MemoryDecisions()
        self.products = products or MemoryProducts()
        self.publisher = publisher or MemoryPublisher()
        self.clock = clock or Clock()
        self._parts = {"store": self.store, "publisher": self.publisher, "clock": self.clock}

    def sell(self, sku: str, price_minor: int = 250, *, currency: str = "GBP", on_hand: int = 0) -> None:
        """Add a product to the catalogue, and to the stock when some are on hand."""
        self.products.add(product(sku, price_minor, currency))
        if on_hand:
            self.receive(sku, on_hand)

    def withdraw(self, sku: str) -> None:
        """Deactivate a product."""
        deactivate_product(sku, self.products, self.clock)

    def receive(self, sku: str, quantity: int, kind: Kind = Kind.PURCHASE, **other: Any) -> Movement:
        """Take units into stock."""
        said = {"actor": "boss", "key": key(), **other}
        move = MoveStock(sku=sku, kind=kind, quantity=quantity, **said)
        return move_stock(move, products=self.products, new_id=new_id, **self._parts)

    def adjust(self, sku: str, quantity: int, **other: Any) -> Movement:
        """Correct the stock by so many units."""
        return self.receive(sku, quantity, Kind.ADJUSTMENT, **{"reason": "counted", **other})

    def take_back(self, sku: str, quantity: int, order: Order, **other: Any) -> Movement:
        """Take units back that an order shipped."""
        return self.receive(sku, quantity, Kind.RETURN, order_id=order.id, **other)

    def place(self, *lines: tuple[str, int], customer_id: str = "ann", under: Key | None = None) -> Order:
        """Place an order of (sku, quantity) lines."""
        wish = PlaceOrder(customer_id, lines or [("TEA", 1)], under or key())
        return place_order(wish, products=self.products, new_id=new_id, **self._parts)

    def allocate(self, *order_ids: str) -> Mapping[str, Order]:
        """Do what queue 1 does with these orders."""
        return allocate_orders(order_ids, products=self.products, **self._parts)

    def ship(self, *order_ids: str) -> Mapping[str, Order]:
        """Do what queue 2 does with these orders."""
        return ship_orders(order_ids, **self._parts)

    def shipped(self, *lines: tuple[str, int]) -> Order:
        """Place an order, and do what both queues do with it."""
        placed = self.place(*lines)
        self.allocate(placed.id)
        return self.ship(placed.id)[placed.id]

    def cancel(self, order_id: str, customer_id: str = "ann") -> Order:
        """Cancel an order."""
        return cancel_order(order_id, customer_id, **self._parts)

    def abandon(self, expected: Status, *order_ids: str) -> Mapping[str, Order]:
        """Do what purging the letters of these orders does."""
        return abandon_orders(order_ids, expected, **self._parts)

    def order(self, order_id: str, customer_id: str = "ann") -> Order:
        """Return an order as it stands."""
        return get_order(order_id, customer_id, self.store)[0]

    def relay(self) -> int:
        """Do what the relay's schedule does."""
        return relay(self.store, self.publisher, self.clock, always)

    def sweep(self, limit: int = 500, more_time: MoreTime = always) -> Swept:
        """Do what the sweep's schedule does."""
        return sweep_orders(self.store, self.publisher, self.clock, more_time, limit=limit)

    def level(self, sku: str = "TEA") -> StockLevel:
        """Return a sku's stock as decided."""
        return next(one for one in self.store.stock_levels(1000) if one.sku == sku)

    def stock(self, sku: str = "TEA") -> tuple[int, int, int]:
        """Return a sku's (on_hand, allocated, shipped_total)."""
        found = self.level(sku)
        return found.on_hand, found.allocated, found.shipped_total

    def sent(self, topic: Topic) -> Sequence[Mapping[str, Any]]:
        """Return the bodies that were published to a topic, in order."""
        return [one.message.body for one in self.publisher.sent if one.message.topic is topic]

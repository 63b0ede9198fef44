"""The smaller ports in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from domain.catalog.products import Product
from domain.errors import Conflict, NotFound, Unavailable
from domain.inventory.projection import OrderStep, Stock, newest, oldest
from domain.inventory.stock import StockLevel
from domain.letters.failures import Attempt, Failure
from domain.orders.order import Status
from domain.outbox import Written

HOUR = timedelta(hours=1)


class MemoryProducts:
    """Products in a dictionary."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}

    def add(self, product: Product) -> None:
        """Add a product. Raises Conflict when the sku is taken."""
        if product.sku in self._products:
            raise Conflict(f"there is a product {product.sku} already")
        self._products[product.sku] = product

    def find(self, skus: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist, active or not, by sku."""
        return {sku: self._products[sku] for sku in skus if sku in self._products}

    def page(self, limit: int, after: str = "") -> Sequence[Product]:
        """Return up to `limit` active products whose sku comes after `after`, in order of sku."""
        return [one for sku, one in sorted(self._products.items()) if one.active and sku > after][:limit]

    def change(self, product: Product) -> None:
        """Put a product in the place of the one with its sku. Raises NotFound."""
        if product.sku not in self._products:
            raise NotFound(f"there is no product {product.sku}")
        self._products[product.sku] = product


class MemoryPublisher:
    """Keeps what it was given, or, while `down`, takes nothing."""

    def __init__(self) -> None:
        self.sent: list[Written] = []
        self.down = False

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all; return the ids of those delivered: none while `down`."""
        if self.down:
            return []
        self.sent += messages
        return [written.id for written in messages]


class MemoryStockView:
    """The projected stock in a dictionary, with every write's time."""

    def __init__(self) -> None:
        self._history: dict[str, list[StockLevel]] = {}

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        """Write the newest level of each sku unless the view has that version or a newer one."""
        first = oldest(levels)
        for level in newest(levels):
            history = self._history.setdefault(level.sku, [first[level.sku]])
            if history[-1].version < level.version:
                history.append(level)
        return {}

    def replace(self, pairs: Collection[tuple[StockLevel, StockLevel | None]]) -> Mapping[str, Exception]:
        """Put the second level of each pair, or nothing, in the place of the first, if the view still has that."""
        for seen, level in pairs:
            history = self._history.get(seen.sku)
            if history and history[-1].version == seen.version:
                del self._history[seen.sku]
                self.write([level] if level else [])
        return {}

    def read(self, sku: str, now: datetime) -> Stock | None:
        """Return one sku's stock."""
        if not (history := self._history.get(sku)):
            return None
        minute = (now - HOUR).replace(second=0, microsecond=0) + timedelta(minutes=1)
        before = [level for level in history if level.updated_at < minute] or history[:1]
        return Stock(history[-1], history[-1].shipped_total - before[-1].shipped_total)

    def page(self, limit: int, now: datetime, after: str | None = None) -> Sequence[Stock]:
        """Return up to `limit` skus' stock behind the sku `after`, in order of sku."""
        skus = [sku for sku in sorted(self._history) if after is None or sku > after][:limit]
        return [stock for sku in skus if (stock := self.read(sku, now))]

    def levels(self) -> Iterable[StockLevel]:
        """Return all levels, in no order."""
        return [history[-1] for history in self._history.values()]


class MemoryOrderCounts:
    """Order counts as sets."""

    def __init__(self) -> None:
        self._orders: dict[tuple[datetime, Status], set[str]] = defaultdict(set)

    def count(self, steps: Collection[OrderStep]) -> None:
        """Count each order's step once, however often it comes."""
        for step in steps:
            self._orders[step.at.replace(second=0, microsecond=0), step.status].add(step.order_id)

    def counts(self, minute: datetime) -> Mapping[Status, int]:
        """Return how many orders reached each status in a minute."""
        return {status: len(ids) for (at, status), ids in self._orders.items() if at == minute}


class MemoryCalls:
    """Calls counted in a dictionary."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, datetime], int] = defaultdict(int)

    def count(self, operation: str, client: str, at: datetime) -> int:
        """Count a client's call; return how many it has made in that minute, this one included."""
        key = (operation, client, at.replace(second=0, microsecond=0))
        self._calls[key] += 1
        return self._calls[key]


class MemoryFailures:
    """Failures in a dictionary; while `down`, none can be noted."""

    def __init__(self) -> None:
        self._failures: dict[str, Failure] = {}
        self.down = False

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Note the attempts. Raises Unavailable while `down`."""
        if self.down:
            raise Unavailable("nothing can be noted now")
        for one in attempts:
            before = self._failures.get(one.id, Failure(one, one.at, 0))
            self._failures[one.id] = Failure(one, before.first_at, before.times + 1)

    def find(self, ids: Collection[str]) -> Mapping[str, Failure]:
        """Return what is known of these messages, by id."""
        return {one: self._failures[one] for one in ids if one in self._failures}

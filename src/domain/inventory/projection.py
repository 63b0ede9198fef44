"""The projection: stock and order counts as readers see them, a moment behind the decisions.

Every write carries what it states as of a version, so repeats, gaps and any order of arrival are harmless.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.catalog.products import normal_sku
from domain.errors import NotFound
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from domain.ports import Clock


class OrderStep(NamedTuple):
    """An order reached a status at a time."""

    order_id: str
    status: Status
    at: datetime


@dataclass(frozen=True)
class Stock:
    """What readers see of one sku."""

    level: StockLevel
    sold_last_hour: int


class StockView(Protocol):
    """Where the projection is kept."""

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        """Write the newest level of each sku unless the view has that version or a newer one.

        For a sku that is new to the view its oldest level here says what had been shipped before.
        Returns the errors by sku.
        """

    def replace(self, pairs: Collection[tuple[StockLevel, StockLevel | None]]) -> Mapping[str, Exception]:
        """Put the second level of each pair, or nothing, in the place of the first; the sales rate begins anew.

        Where the view no longer has that very version it stays as it is. Returns the errors by sku.
        """

    def read(self, sku: str, now: datetime) -> Stock | None:
        """Return one sku's stock."""

    def page(self, limit: int, now: datetime, after: str | None = None) -> Sequence[Stock]:
        """Return up to `limit` skus' stock behind the sku `after`, in an order of the view's own that stays."""

    def levels(self) -> Iterable[StockLevel]:
        """Return all levels, consistently read, in no order."""


class OrderCounts(Protocol):
    """Live counts of orders by minute and status."""

    def count(self, steps: Collection[OrderStep]) -> None:
        """Count each order's step once, however often it comes."""


def newest(levels: Iterable[StockLevel]) -> Sequence[StockLevel]:
    """Return the highest version of each sku."""
    return list({level.sku: level for level in sorted(levels, key=_version)}.values())


def oldest(levels: Iterable[StockLevel]) -> Mapping[str, StockLevel]:
    """Return the lowest version of each sku, by sku."""
    return {level.sku: level for level in sorted(levels, key=_version, reverse=True)}


def _version(level: StockLevel) -> int:
    return level.version


def get_stock(sku: str, view: StockView, clock: Clock) -> Stock:
    """Return one sku's stock. Raises NotFound."""
    sku = normal_sku(sku)
    if not (stock := view.read(sku, clock())):
        raise NotFound(f"there is no stock of {sku}")
    return stock

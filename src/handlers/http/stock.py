"""How stock is shown in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from typing_extensions import TypedDict

from domain.inventory.projection import Stock
from handlers.http.response import rfc3339


class StockJson(TypedDict):
    """A sku's stock as it was a moment ago; `allocated` of the units `on_hand` are promised to orders."""

    sku: str
    on_hand: int
    allocated: int
    available: int
    version: int
    sold_last_hour: int
    updated_at: str


def stock(one: Stock) -> StockJson:
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

"""How products are shown in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from typing_extensions import TypedDict

from domain.catalog.products import Product
from handlers.http.response import rfc3339


class ProductJson(TypedDict):
    """Something that is sold; `price_minor` in the currency's minor unit (pence, cents)."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: str
    active: bool
    created_at: str
    updated_at: str


def product(one: Product) -> ProductJson:
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

"""Products and what can be done with them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.errors import FieldProblem, InvalidInput, NotFound
from domain.ports import Clock

SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")


def normal_sku(text: str) -> str:
    """Return the one spelling of a sku: trimmed and in upper case. Raises InvalidInput for other signs."""
    sku = text.strip().upper()
    if not (text.isascii() and SKU.fullmatch(sku)):
        message = "must be 1 to 64 letters A-Z, digits, dots, underscores or hyphens, first a letter or digit"
        raise InvalidInput("no such form of sku", [FieldProblem("sku", message)])
    return sku


@dataclass(frozen=True)
class Product:
    """Something that is sold; `price_minor` is in the currency's minor unit (pence, cents)."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: str
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class WantedProduct:
    """What an admin says of a product to add or to change."""

    sku: str
    name: str
    price_minor: int
    currency: str
    description: str = ""
    active: bool = True


class Products(Protocol):
    """The products' store."""

    def add(self, product: Product) -> None:
        """Add a product. Raises Conflict when the sku is taken."""

    def change(self, product: Product) -> None:
        """Put a product in the place of the one with its sku; the last writer wins. Raises NotFound."""

    def find(self, skus: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist, active or not, by sku."""

    def page(self, limit: int, after: str = "") -> Sequence[Product]:
        """Return up to `limit` active products whose sku comes after `after`, in order of sku."""


def add_product(new: WantedProduct, products: Products, clock: Clock) -> Product:
    """Add a product to the catalogue. Raises Conflict when the sku is taken."""
    now = clock()
    product = Product(
        sku=normal_sku(new.sku),
        name=new.name,
        description=new.description,
        price_minor=new.price_minor,
        currency=new.currency,
        active=new.active,
        created_at=now,
        updated_at=now,
    )
    products.add(product)
    return product


def change_product(wanted: WantedProduct, products: Products, clock: Clock) -> Product:
    """Change everything that an admin says of a product, but its sku. Raises NotFound.

    Orders keep the price at which they were placed.
    """
    before = get_product(wanted.sku, products)
    return _change(before, replace(before, **{**vars(wanted), "sku": before.sku}), products, clock)


def deactivate_product(sku: str, products: Products, clock: Clock) -> None:
    """Sell a product no longer; again is fine. Raises NotFound."""
    before = get_product(sku, products)
    if before.active:
        _change(before, replace(before, active=False), products, clock)


def _change(before: Product, after: Product, products: Products, clock: Clock) -> Product:
    """Store what a product has become; its times never go back, whatever the clocks of different writers say."""
    changed = replace(after, updated_at=max(clock(), before.updated_at))
    products.change(changed)
    return changed


def get_product(sku: str, products: Products) -> Product:
    """Return one product, active or not. Raises NotFound."""
    sku = normal_sku(sku)
    if not (product := products.find([sku]).get(sku)):
        raise NotFound(f"there is no product {sku}")
    return product

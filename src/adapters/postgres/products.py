"""The catalogue in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg

from adapters.postgres.arrays import array
from adapters.postgres.database import Database
from domain.catalog.products import Product
from domain.errors import Conflict, NotFound

COLUMNS = "sku, name, description, price_minor, currency, active, created_at, updated_at"


class PostgresProducts:
    """Products in the table `products`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, product: Product) -> None:
        """Add a product. Raises Conflict when the sku is taken."""
        values = tuple(vars(product)[column] for column in COLUMNS.split(", "))
        try:
            self._database.execute(f"INSERT INTO products ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", values)
        except psycopg.errors.UniqueViolation:
            raise Conflict(f"there is a product {product.sku} already") from None

    def change(self, product: Product) -> None:
        """Put a product in the place of the one with its sku. Raises NotFound."""
        changed = self._database.execute(
            "UPDATE products SET name = %(name)s, description = %(description)s, price_minor = %(price_minor)s,"
            " currency = %(currency)s, active = %(active)s, updated_at = %(updated_at)s WHERE sku = %(sku)s",
            vars(product),
        )
        if not changed.rowcount:
            raise NotFound(f"there is no product {product.sku}")

    def find(self, skus: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist, active or not, by sku."""
        rows = self._select("WHERE sku = ANY(%s::text[])", array(skus))
        return {product.sku: product for product in rows}

    def page(self, limit: int, after: str = "") -> Sequence[Product]:
        """Return up to `limit` active products whose sku comes after `after`, in order of sku."""
        return self._select("WHERE active AND sku > %s ORDER BY sku LIMIT %s", after, limit)

    def _select(self, where: str, *parameters: Any) -> list[Product]:
        rows = self._database.query(f"SELECT {COLUMNS} FROM products {where}", parameters)
        return [Product(*row) for row in rows]

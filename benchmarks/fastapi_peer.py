"""The straightforward service that get_product.py is held against: FastAPI, and psycopg's own pool of connections."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, HTTPException
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

POOL = AsyncConnectionPool(
    os.environ["DSN"], min_size=4, max_size=10, open=False, kwargs={"autocommit": True, "prepare_threshold": None}
)


class Product(BaseModel):
    """A product as it is answered."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: str
    active: bool
    created_at: datetime
    updated_at: datetime


@asynccontextmanager
async def opened(_: FastAPI) -> AsyncIterator[None]:
    """Hold connections while the service runs."""
    await POOL.open(wait=True)
    yield
    await POOL.close()


app = FastAPI(lifespan=opened)


@app.get("/products/{sku}")
async def product(sku: str) -> Product:
    """Return one product."""
    async with POOL.connection() as connection:
        cursor = await connection.execute(
            "SELECT sku, name, description, price_minor, currency, active, created_at, updated_at"
            " FROM products WHERE sku = ANY(%s)",
            ([sku],),
        )
        row = await cursor.fetchone()
    if row is None:
        raise HTTPException(404)
    return Product(**dict(zip(Product.model_fields, row, strict=True)))

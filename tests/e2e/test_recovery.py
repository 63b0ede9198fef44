"""A crash between commit and publish delays an order, and never loses it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.system import uuid7
from domain.idempotency import Key
from domain.orders.order import Order
from domain.orders.placing import PlaceOrder, place_order
from domain.outbox import Written
from tests.e2e.shop import Person, Shop

pytestmark = pytest.mark.xdist_group("e2e")


class Crashed:
    """A publisher whose process died before it sent anything."""

    def send(self, _: Sequence[Written]) -> Collection[int]:
        """Deliver nothing."""
        return []


def a_minute_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def placed_but_not_published(shop: Shop, customer_id: str, sku: str) -> Order:
    """Commit an order as a writer does that dies right after."""
    secret = shop.info.database
    server = Server(secret["host"], secret["port"], secret["username"], secret["password"])
    product, inventory = (Database(name, lambda: server, "disable") for name in ("product", "inventory"))
    try:
        return place_order(
            PlaceOrder(customer_id, [(sku, 2)], Key(str(uuid.uuid4()), "digest")),
            products=PostgresProducts(product),
            store=PostgresDecisions(inventory),
            publisher=Crashed(),
            clock=a_minute_ago,
            new_id=uuid7,
        )
    finally:
        product.close()
        inventory.close()


def test_the_relay_sends_what_a_crash_left_behind(shop: Shop, customer: Person) -> None:
    sku = shop.product(stock=5)
    order = placed_but_not_published(shop, customer.get("/user/me")["id"], sku)
    shop.invoke("RelayOutboxFunction")
    fulfilled = customer.sees(f"/orders/{order.id}", "FULFILLED")
    assert [step["status"] for step in fulfilled["events"]] == ["PLACED", "CONFIRMED", "FULFILLED"]
    assert shop.stock(sku) == (3, 0)
    assert shop.settled()["outbox"] == 0

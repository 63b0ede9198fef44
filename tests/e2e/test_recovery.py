"""A crash between commit and publish, or a message that died, delays an order and never loses it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.system import uuid7
from domain.idempotency import Key
from domain.orders.deciding import allocate_orders
from domain.orders.order import Order
from domain.orders.placing import PlaceOrder, place_order
from domain.outbox import Publisher, Written
from local.state import ROOT
from tests.e2e.shop import Person, Shop

pytestmark = pytest.mark.xdist_group("e2e")


class Crashed:
    """A publisher whose process died before it sent anything."""

    def send(self, _: Sequence[Written]) -> Collection[int]:
        """Deliver nothing."""
        return []


class Losing:
    """A publisher whose queue takes everything, and loses it."""

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Deliver all to nowhere."""
        return [one.id for one in messages]


def placed(shop: Shop, customer_id: str, sku: str, publisher: Publisher, ago: timedelta, *, confirmed: bool) -> Order:
    """Commit an order, and perhaps its stock, as some writers did a while ago."""
    secret = shop.info.database
    server = Server(secret["host"], secret["port"], secret["username"], secret["password"])
    product, inventory = (Database(name, lambda: server, "disable") for name in ("product", "inventory"))
    ports: Any = {
        "products": PostgresProducts(product),
        "store": PostgresDecisions(inventory),
        "publisher": publisher,
        "clock": lambda: datetime.now(UTC) - ago,
    }
    try:
        order = place_order(
            PlaceOrder(customer_id, [(sku, 2)], Key(str(uuid.uuid4()), "digest")), new_id=uuid7, **ports
        )
        if confirmed:
            allocate_orders([order.id], **ports)
        return order
    finally:
        product.close()
        inventory.close()


@pytest.mark.parametrize("confirmed", [False, True], ids=["placed", "confirmed"])
def test_the_relay_sends_what_a_crash_left_behind(shop: Shop, customer: Person, *, confirmed: bool) -> None:
    sku = shop.product(stock=5)
    order = placed(shop, customer.get("/user/me")["id"], sku, Crashed(), timedelta(minutes=1), confirmed=confirmed)
    shop.invoke("RelayOutboxFunction")
    fulfilled = customer.sees(f"/orders/{order.id}", "FULFILLED")
    assert [step["status"] for step in fulfilled["events"]] == ["PLACED", "CONFIRMED", "FULFILLED"]
    assert shop.stock(sku) == (3, 0)
    assert shop.settled()["outbox"] == 0


@pytest.mark.parametrize("confirmed", [False, True], ids=["placed", "confirmed"])
def test_the_sweep_sends_an_order_on_whose_message_died(shop: Shop, customer: Person, *, confirmed: bool) -> None:
    sku = shop.product(stock=5)
    order = placed(shop, customer.get("/user/me")["id"], sku, Losing(), timedelta(hours=1), confirmed=confirmed)
    assert json.loads(shop.invoke("SweepOrdersFunction")) == {"resent": 1, "stuck": 0}
    customer.sees(f"/orders/{order.id}", "FULFILLED")
    assert shop.stock(sku) == (3, 0)
    assert json.loads(shop.invoke("SweepOrdersFunction")) == {"resent": 0, "stuck": 0}


def test_an_order_that_cannot_be_counted_comes_again_and_stock_goes_on(shop: Shop) -> None:
    """Straight to the function: in the stream the record would come ten times. Where a count is, something else is."""
    event = (ROOT / "events" / "project-inventory" / "kinesis.json").read_bytes()
    _, order = (record["kinesis"]["sequenceNumber"] for record in json.loads(event)["Records"])
    dynamodb, minute = shop.info.client("dynamodb"), {"minute": {"S": "2010-12-01T08:26"}}
    counts = {"TableName": shop.info.resources["OrderCountsTable"]}
    dynamodb.put_item(**counts, Item={**minute, "PLACED": {"S": "no set"}})

    failed = json.loads(shop.invoke("ProjectInventoryFunction", event))["batchItemFailures"]

    assert failed == [{"itemIdentifier": order}]
    dynamodb.delete_item(**counts, Key=minute)
    assert json.loads(shop.invoke("ProjectInventoryFunction", event))["batchItemFailures"] == []

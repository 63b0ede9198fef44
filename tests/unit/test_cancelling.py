"""Cancelling an order in each of its states."""

from __future__ import annotations

import pytest

from domain.errors import Conflict, NotFound
from domain.orders.order import Status
from domain.outbox import Topic
from tests.shop import Shop


def test_a_placed_order_can_be_cancelled(shop: Shop) -> None:
    order = shop.place(("TEA", 2))

    assert shop.cancel(order.id).status is Status.CANCELLED
    assert shop.order(order.id).status is Status.CANCELLED
    assert shop.sent(Topic.EVENTS)[-1]["status"] == "CANCELLED"


def test_cancelling_a_confirmed_order_gives_its_units_back(shop: Shop) -> None:
    order = shop.place(("TEA", 2), ("MILK", 1), ("TEA", 1))
    shop.allocate(order.id)

    shop.cancel(order.id)

    assert shop.stock("TEA") == shop.stock("MILK") == (10, 0, 0)
    stocks = [one for one in shop.sent(Topic.EVENTS) if one["type"] == "stock"][-2:]
    assert [(one["sku"], one["allocated"], one["version"]) for one in stocks] == [("MILK", 0, 3), ("TEA", 0, 3)]


def test_a_cancelled_order_is_neither_allocated_nor_shipped(shop: Shop) -> None:
    placed, confirmed = shop.place(("TEA", 2)), shop.place(("TEA", 2))
    shop.allocate(confirmed.id)
    shop.cancel(placed.id)
    shop.cancel(confirmed.id)

    shop.allocate(placed.id, confirmed.id)
    shop.ship(placed.id, confirmed.id)

    assert shop.order(placed.id).status is shop.order(confirmed.id).status is Status.CANCELLED
    assert shop.stock("TEA") == (10, 0, 0)


def test_cancelling_twice_changes_nothing_more(shop: Shop) -> None:
    order = shop.place(("TEA", 2))
    first = shop.cancel(order.id)
    shop.clock.tick(minutes=1)
    sent = len(shop.publisher.sent)

    assert shop.cancel(order.id) == first
    assert len(shop.publisher.sent) == sent
    assert len(shop.store.events(order.id)) == 2


def test_a_rejected_order_cannot_be_cancelled(shop: Shop) -> None:
    order = shop.place(("TEA", 11))
    shop.allocate(order.id)

    with pytest.raises(Conflict, match="REJECTED"):
        shop.cancel(order.id)

    assert shop.order(order.id).status is Status.REJECTED


def test_a_fulfilled_order_cannot_be_cancelled(shop: Shop) -> None:
    order = shop.place(("TEA", 1))
    shop.allocate(order.id)
    shop.ship(order.id)

    with pytest.raises(Conflict, match="FULFILLED"):
        shop.cancel(order.id)

    assert shop.stock("TEA") == (9, 0, 1)


def test_anothers_order_cannot_be_cancelled_nor_seen(shop: Shop) -> None:
    order = shop.place(("TEA", 1), customer_id="ann")

    with pytest.raises(NotFound):
        shop.cancel(order.id, "bob")

    assert shop.order(order.id).status is Status.PLACED


def test_an_unknown_order_cannot_be_cancelled(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.cancel("nothing")

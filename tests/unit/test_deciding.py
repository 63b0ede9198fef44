"""What the two queues do with orders, however often and in whatever order their messages come."""

from __future__ import annotations

import pytest

from domain.errors import NotFound
from domain.inventory.stock import Ledger
from domain.orders.order import Reason, Status
from domain.outbox import Topic
from tests.shop import NOON, Shop, level


def test_an_order_in_stock_is_confirmed_and_its_units_promised(shop: Shop) -> None:
    order = shop.place(("TEA", 2), ("MILK", 3), ("TEA", 1))

    decided = shop.allocate(order.id)

    assert decided[order.id].status is Status.CONFIRMED
    assert shop.order(order.id) == decided[order.id]
    assert shop.stock("TEA") == (10, 3, 0)
    assert shop.stock("MILK") == (10, 3, 0)


def test_a_confirmed_order_asks_for_shipment(shop: Shop) -> None:
    order = shop.place(("TEA", 2))

    shop.allocate(order.id)

    assert shop.sent(Topic.CONFIRMED) == [{"order_id": order.id}]
    assert shop.sent(Topic.EVENTS)[-2]["status"] == "CONFIRMED"
    assert shop.sent(Topic.EVENTS)[-1] == {
        "type": "stock",
        "sku": "TEA",
        "version": 2,
        "on_hand": 10,
        "allocated": 2,
        "shipped_total": 0,
        "at": NOON.isoformat(),
    }


def test_all_lines_are_allocated_or_none(shop: Shop) -> None:
    order = shop.place(("TEA", 1), ("MILK", 11))

    decided = shop.allocate(order.id)

    assert (decided[order.id].status, decided[order.id].reason) == (Status.REJECTED, Reason.OUT_OF_STOCK)
    assert shop.stock("TEA") == shop.stock("MILK") == (10, 0, 0)
    assert shop.sent(Topic.CONFIRMED) == []


def test_repeated_skus_count_together(shop: Shop) -> None:
    order = shop.place(("TEA", 6), ("TEA", 5))

    assert shop.allocate(order.id)[order.id].reason is Reason.OUT_OF_STOCK


def test_the_last_unit_can_be_had_once(shop: Shop) -> None:
    first, second = shop.place(("TEA", 10)), shop.place(("TEA", 1))

    decided = shop.allocate(second.id, first.id)

    assert decided[first.id].status is Status.CONFIRMED
    assert decided[second.id].status is Status.REJECTED


def test_within_a_batch_older_orders_come_first(shop: Shop) -> None:
    older, newer = shop.place(("TEA", 7)), shop.place(("TEA", 7))

    decided = shop.allocate(newer.id, older.id)

    assert [decided[one.id].status for one in (older, newer)] == [Status.CONFIRMED, Status.REJECTED]


def test_a_small_order_is_served_after_a_large_one_failed(shop: Shop) -> None:
    large, small = shop.place(("TEA", 11)), shop.place(("TEA", 10))

    decided = shop.allocate(large.id, small.id)

    assert [decided[one.id].status for one in (large, small)] == [Status.REJECTED, Status.CONFIRMED]


def test_a_product_withdrawn_since_is_discontinued(shop: Shop) -> None:
    order = shop.place(("TEA", 1), ("MILK", 99))
    shop.withdraw("TEA")

    decided = shop.allocate(order.id)

    assert decided[order.id].reason is Reason.DISCONTINUED
    assert shop.sent(Topic.EVENTS)[-1]["reason"] == "discontinued"


def test_a_product_that_never_was_in_stock_is_out_of_stock(shop: Shop) -> None:
    shop.sell("WINE", 900)
    order = shop.place(("WINE", 1))

    assert shop.allocate(order.id)[order.id].reason is Reason.OUT_OF_STOCK


def test_shipping_lets_the_units_leave(shop: Shop) -> None:
    order = shop.place(("TEA", 2), ("TEA", 1))
    shop.allocate(order.id)

    shipped = shop.ship(order.id)

    assert shipped[order.id].status is Status.FULFILLED
    assert shop.stock("TEA") == (7, 0, 3)
    assert [one["status"] for one in shop.sent(Topic.EVENTS) if one["type"] == "order"][-1] == "FULFILLED"


def test_every_step_is_kept_with_its_time(shop: Shop) -> None:
    order = shop.place(("TEA", 2))
    shop.clock.tick(seconds=1)
    shop.allocate(order.id)
    shop.clock.tick(seconds=1)
    shop.ship(order.id)

    steps = [(one.version, one.status, (one.at - NOON).seconds) for one in shop.store.events(order.id)]

    assert steps == [(1, Status.PLACED, 0), (2, Status.CONFIRMED, 1), (3, Status.FULFILLED, 2)]


@pytest.mark.parametrize("times", [2, 3])
def test_duplicate_messages_change_nothing(shop: Shop, times: int) -> None:
    order = shop.place(("TEA", 2))
    for _ in range(times):
        shop.allocate(order.id, order.id)
    for _ in range(times):
        shop.ship(order.id, order.id)

    assert shop.stock("TEA") == (8, 0, 2)
    assert len(shop.store.events(order.id)) == 3
    assert len(shop.sent(Topic.CONFIRMED)) == 1


def test_a_late_first_message_changes_nothing(shop: Shop) -> None:
    order = shop.place(("TEA", 2))
    shop.allocate(order.id)
    shop.ship(order.id)
    before = shop.publisher.sent.copy()

    assert not shop.allocate(order.id)
    assert shop.order(order.id).status is Status.FULFILLED
    assert shop.stock("TEA") == (8, 0, 2)
    assert shop.publisher.sent == before


def test_a_shipment_that_overtakes_the_decision_changes_nothing(shop: Shop) -> None:
    order = shop.place(("TEA", 2))

    assert not shop.ship(order.id)
    assert shop.order(order.id).status is Status.PLACED
    assert shop.stock("TEA") == (10, 0, 0)


def test_one_unknown_order_stops_the_whole_batch(shop: Shop) -> None:
    """The queue then tries each order alone, so that only the unknown one fails."""
    order = shop.place(("TEA", 2))

    with pytest.raises(NotFound, match="nobody"):
        shop.allocate(order.id, "nobody")

    assert shop.order(order.id).status is Status.PLACED
    assert shop.allocate(order.id)[order.id].status is Status.CONFIRMED


def test_a_sku_gets_one_version_and_one_record_per_transaction(shop: Shop) -> None:
    orders = [shop.place(("TEA", 1), ("TEA", 1)) for _ in range(3)]
    before = shop.level("TEA").version
    shop.publisher.sent.clear()

    shop.allocate(*[one.id for one in orders])

    assert shop.level("TEA").version == before + 1
    assert [one["version"] for one in shop.sent(Topic.EVENTS) if one["type"] == "stock"] == [before + 1]


def test_a_stock_that_did_not_change_keeps_its_version(shop: Shop) -> None:
    order = shop.place(("TEA", 99), ("MILK", 1))

    shop.allocate(order.id)

    assert shop.level("TEA").version == shop.level("MILK").version == 1


def test_a_ledger_gives_changed_levels_in_order_of_sku() -> None:
    ledger = Ledger([level("B", 4), level("A", 7), level("C", 1)], NOON)
    ledger.allocate({"B": 1, "A": 2})
    ledger.release({"B": 1})

    assert [(one.sku, one.version, one.allocated) for one in ledger.changed()] == [("A", 8, 2), ("B", 5, 0)]


def test_what_is_available_is_what_is_not_promised() -> None:
    assert level(on_hand=10, allocated=4).available == 6

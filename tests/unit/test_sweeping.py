"""Orders whose message died are sent on their way again; those that stay where they are get reported."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.orders.order import Status
from domain.orders.sweeping import RESEND_AGE, STUCK_AGE
from domain.outbox import Topic
from tests.shop import NOON, Shop

MOMENT = timedelta(microseconds=1)


def test_a_placed_order_whose_message_died_is_decided_after_all(shop: Shop) -> None:
    order = shop.place(("TEA", 1))
    shop.clock.now = NOON + RESEND_AGE + MOMENT

    assert shop.sweep().resent == 1

    assert shop.sent(Topic.PLACED) == [{"order_id": order.id}] * 2
    shop.allocate(order.id)
    assert shop.order(order.id).status is Status.CONFIRMED


def test_a_confirmed_order_whose_message_died_is_shipped_after_all(shop: Shop) -> None:
    """Its time counts from its confirmation."""
    order = shop.place(("TEA", 1))
    shop.clock.tick(minutes=20)
    shop.allocate(order.id)
    shop.clock.now = NOON + RESEND_AGE + MOMENT
    assert shop.sweep().resent == 0
    shop.clock.tick(minutes=20)

    assert shop.sweep().resent == 1

    assert shop.sent(Topic.CONFIRMED) == [{"order_id": order.id}] * 2
    assert len(shop.sent(Topic.PLACED)) == 1


def test_a_sweep_sends_tasks_and_changes_no_order(shop: Shop) -> None:
    order = shop.place(("TEA", 1))
    steps, events = shop.store.events(order.id), len(shop.sent(Topic.EVENTS))
    shop.clock.now = NOON + RESEND_AGE + MOMENT

    shop.sweep()

    assert shop.order(order.id) == order
    assert shop.store.events(order.id) == steps
    assert len(shop.sent(Topic.EVENTS)) == events


@pytest.mark.parametrize(
    ("age", "resent", "stuck"),
    [
        (RESEND_AGE, 0, 0),
        (RESEND_AGE + MOMENT, 1, 0),
        (STUCK_AGE, 1, 0),
        (STUCK_AGE + MOMENT, 0, 1),
        (timedelta(days=9), 0, 1),
    ],
)
def test_an_order_is_sent_again_when_it_has_waited_and_reported_when_that_has_not_helped(
    shop: Shop, age: timedelta, resent: int, stuck: int
) -> None:
    order = shop.place(("TEA", 1))
    shop.clock.now = NOON + age

    swept = shop.sweep()

    assert (swept.resent, swept.stuck.number) == (resent, stuck)
    assert [one.id for one in swept.stuck.oldest] == [order.id] * stuck
    assert len(shop.sent(Topic.PLACED)) == 1 + resent


def test_orders_that_have_come_to_their_end_are_left_alone(shop: Shop) -> None:
    shop.shipped(("TEA", 1))
    shop.cancel(shop.place(("TEA", 1)).id)
    shop.allocate(shop.place(("TEA", 11)).id)
    sent = len(shop.publisher.sent)

    for age in (RESEND_AGE, STUCK_AGE):
        shop.clock.now = NOON + age + MOMENT
        swept = shop.sweep()
        assert (swept.resent, swept.stuck.number) == (0, 0)
    assert len(shop.publisher.sent) == sent


def of_five_times(shop: Shop) -> list[str]:
    """Return the ids of ten orders, two of each of five times, that have waited long enough."""
    orders = []
    for _ in range(5):
        orders += [shop.place(("TEA", 1)).id for _ in range(2)]
        shop.clock.tick(minutes=1)
    shop.clock.tick(minutes=40)
    return orders


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 10])
def test_all_are_sent_oldest_first_a_limited_number_at_once(shop: Shop, limit: int) -> None:
    """Those of one time, too, when a page ends between them."""
    orders = of_five_times(shop)

    assert shop.sweep(limit=limit).resent == 10
    assert [one["order_id"] for one in shop.sent(Topic.PLACED)[10:]] == orders


def test_a_sweep_ends_with_its_time_and_reports_all_the_same(shop: Shop) -> None:
    stuck = shop.place(("TEA", 1)).id
    shop.clock.tick(hours=2)
    orders = of_five_times(shop)
    answers = iter([True, True, False])

    swept = shop.sweep(3, lambda: next(answers))

    assert swept.resent == 6
    assert [one.id for one in swept.stuck.oldest] == [stuck]
    assert [one["order_id"] for one in shop.sent(Topic.PLACED)[11:]] == orders[:6]


def test_twenty_stuck_orders_are_named_and_all_counted(shop: Shop) -> None:
    orders = [shop.place(("TEA", 1)).id for _ in range(25)]
    shop.clock.tick(hours=3)

    stuck = shop.sweep().stuck

    assert stuck.number == 25
    assert [one.id for one in stuck.oldest] == orders[:20]


def test_a_task_that_cannot_be_sent_is_left_to_the_relay(shop: Shop) -> None:
    order = shop.place(("TEA", 1))
    shop.clock.now = NOON + RESEND_AGE + MOMENT
    shop.publisher.down = True
    shop.sweep()
    shop.publisher.down = False
    shop.clock.tick(minutes=1)

    assert shop.relay() == 1
    assert shop.sent(Topic.PLACED) == [{"order_id": order.id}] * 2


def test_nothing_waits_and_nothing_is_sent(shop: Shop) -> None:
    swept = shop.sweep()

    assert (swept.resent, swept.stuck.number, list(swept.stuck.oldest)) == (0, 0, [])

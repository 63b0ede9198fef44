"""Messages that outlive a publisher which is down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest

from domain.errors import Unavailable
from domain.orders.order import Status
from domain.outbox import RELAY_AGE, Backlog, Topic, Written, deliver, relay
from tests.shop import NOON, Shop, always


def test_what_was_delivered_leaves_the_outbox(shop: Shop) -> None:
    shop.place(("TEA", 1))

    assert shop.store.backlog().number == 0


def test_an_order_stands_although_the_publisher_is_down(shop: Shop) -> None:
    shop.publisher.down = True

    order = shop.place(("TEA", 1))

    assert shop.order(order.id).status is Status.PLACED
    assert [one.message.topic for one in shop.store.outbox.values()] == [Topic.PLACED, Topic.EVENTS]


def test_what_was_left_is_relayed_after_its_age_and_not_before(shop: Shop) -> None:
    """A younger message may still be in its writer's hand."""
    shop.publisher.down = True
    order = shop.place(("TEA", 1))
    shop.publisher.down = False

    shop.clock.now = NOON + RELAY_AGE
    assert shop.relay() == 0

    shop.clock.tick(microseconds=1)
    assert shop.relay() == 2
    assert shop.sent(Topic.PLACED) == [{"order_id": order.id}]
    assert shop.store.backlog().number == 0


def test_a_relay_leaves_what_it_cannot_send(shop: Shop) -> None:
    shop.publisher.down = True
    shop.place(("TEA", 1))
    shop.clock.tick(minutes=1)

    assert shop.relay() == 0
    assert shop.store.backlog().number == 2


def test_what_was_sent_and_cannot_be_forgotten_fails_nothing_and_is_sent_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away between the commit and the end."""

    def away(_: Collection[int]) -> None:
        raise Unavailable("the database does not answer in time")

    with monkeypatch.context() as outage:
        outage.setattr(shop.store, "forget", away)
        order = shop.place(("TEA", 1))

    shop.clock.tick(minutes=1)
    assert shop.relay() == 2
    assert shop.sent(Topic.PLACED) == [{"order_id": order.id}] * 2
    assert shop.store.backlog().number == 0


def test_every_use_case_publishes_through_the_outbox(shop: Shop) -> None:
    """An order goes its whole way with nobody but the relay to deliver messages."""
    shop.publisher.down = True
    order = shop.place(("TEA", 1))
    shop.allocate(order.id)
    shop.ship(order.id)
    other = shop.place(("TEA", 1))
    shop.cancel(other.id)
    shop.receive("TEA", 1)
    shop.publisher.down = False
    shop.publisher.sent.clear()
    shop.clock.tick(minutes=1)

    shop.relay()

    assert [one["status"] for one in shop.sent(Topic.EVENTS) if one["type"] == "order"] == [
        "PLACED", "CONFIRMED", "FULFILLED", "PLACED", "CANCELLED",
    ]  # fmt: skip
    assert [one["version"] for one in shop.sent(Topic.EVENTS) if one["type"] == "stock"] == [2, 3, 4]


def test_a_relay_goes_on_in_rounds_until_little_is_left(shop: Shop) -> None:
    shop.publisher.down = True
    for _ in range(5):
        shop.place(("TEA", 1))
    shop.publisher.down = False
    shop.clock.tick(minutes=1)

    assert relay(shop.store, shop.publisher, shop.clock, always, limit=4) == 10
    assert shop.store.backlog().number == 0


def test_a_relay_begins_no_round_that_it_may_not_end(shop: Shop) -> None:
    """Who dies in a round sends all of it again."""
    shop.publisher.down = True
    for _ in range(5):
        shop.place(("TEA", 1))
    shop.publisher.down = False
    shop.clock.tick(minutes=1)
    answers = iter([True, True, False])

    assert relay(shop.store, shop.publisher, shop.clock, lambda: next(answers), limit=3) == 6
    assert shop.store.backlog().number == 4


def test_what_cannot_be_sent_is_tried_once_a_relay_and_holds_up_nothing(shop: Shop) -> None:
    shop.publisher.down = True
    for _ in range(5):
        shop.place(("TEA", 1))
    shop.publisher.down = False
    shop.clock.tick(minutes=1)
    oldest = min(shop.store.outbox)

    class Picky:
        """A publisher that never delivers the oldest message."""

        def send(self, messages: Sequence[Written]) -> Collection[int]:
            return [one.id for one in messages if one.id != oldest]

    assert relay(shop.store, Picky(), shop.clock, always, limit=1) == 9
    assert list(shop.store.outbox) == [oldest]


class Half:
    """A publisher that delivers every second message."""

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        return [one.id for one in messages if one.id % 2]


def test_only_what_was_delivered_is_forgotten(shop: Shop) -> None:
    shop.publisher.down = True
    shop.place(("TEA", 1))
    waiting = shop.store.outbox

    deliver(list(waiting.values()), shop.store, Half())

    assert list(shop.store.outbox) == [number for number in waiting if number % 2 == 0]


def test_nothing_is_forgotten_when_nothing_was_written_or_delivered(shop: Shop) -> None:
    class Untouched:
        """An outbox that nothing is asked of."""

    outbox = Untouched()
    shop.publisher.down = True

    deliver([], outbox, shop.publisher)  # type: ignore[arg-type] # any call would fail


@pytest.mark.parametrize(("oldest", "age"), [(NOON, 90), (NOON + timedelta(minutes=2), 0), (None, 0)])
def test_a_backlog_is_as_old_as_its_oldest_message(oldest: datetime | None, age: int) -> None:
    """Whatever another writer's clock said."""
    backlog = Backlog(int(oldest is not None), oldest)

    assert backlog.age(NOON + timedelta(seconds=90)) == timedelta(seconds=age)

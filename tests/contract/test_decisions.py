"""What every store of decisions promises."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.others import MemoryPublisher
from domain.idempotency import RETENTION, Claim, Key
from domain.inventory.movement import Kind, Movement
from domain.orders.order import Event, Reason, Status
from domain.outbox import Backlog, Message, Topic, Written
from tests.shop import NOON, level, new_id, order

LATER = NOON + timedelta(minutes=1)


def insert(decisions: Any, *orders: Any) -> None:
    with decisions.transaction() as tx:
        for one in orders:
            tx.insert_order(one)


def stock(decisions: Any, *levels: Any) -> None:
    with decisions.transaction() as tx:
        for one in levels:
            tx.open_stock(one.sku, NOON)
        tx.save_stock(levels)


def publish(decisions: Any, *messages: Message, at: Any = NOON) -> Sequence[Written]:
    with decisions.transaction() as tx:
        tx.publish(messages, at)
    return tx.written


def message(number: int = 1, topic: Topic = Topic.EVENTS) -> Message:
    return Message(topic, f"key-{number}", {"number": number, "text": "thé \U0001f375", "none": None})


def test_an_order_comes_back_as_it_was_inserted(decisions: Any) -> None:
    placed = order(("TEA", 2), ("MILK", 1), ("TEA", 3))

    insert(decisions, placed)

    assert decisions.order(placed.id) == placed


def test_an_order_may_have_hundreds_of_lines_and_repeats_in_their_own_order(decisions: Any) -> None:
    placed = order(*[(f"SKU-{i % 7}", i + 1) for i in range(700)])

    insert(decisions, placed)

    assert decisions.order(placed.id).lines == placed.lines


@pytest.mark.parametrize(
    "order_id",
    [
        "nothing",
        "",
        "0\0",
        "00000000-0000-7000-8000-000000000000",
        "urn:uuid:00000000-0000-7000-8000-000000000000",
        "{00000000-0000-7000-8000-000000000000}",
        "0x000000000070008000000000000000000",
        "0-0000000-0000-7000-8000-000000000000",
        "\u0660" * 32,
    ],
)
def test_what_is_no_id_of_an_order_finds_none(decisions: Any, order_id: str) -> None:
    assert decisions.order(order_id) is None
    with decisions.transaction() as tx:
        assert list(tx.lock_orders([order_id])) == []


def test_an_id_has_one_spelling(decisions: Any) -> None:
    placed = replace(order(), id="0191c0de-abcd-7000-8000-000000000000")
    insert(decisions, placed)

    assert decisions.order(placed.id) == placed
    assert decisions.order(placed.id.upper()) is None


def test_orders_are_locked_by_id_and_once(decisions: Any) -> None:
    first, second = order(), order(("MILK", 2))
    insert(decisions, second, first)

    with decisions.transaction() as tx:
        assert list(tx.lock_orders([second.id, first.id, second.id, new_id()])) == [first, second]


def test_a_saved_order_has_its_new_state_and_one_more_step(decisions: Any) -> None:
    placed, other = order(), order()
    insert(decisions, placed, other)
    rejected = placed.to(Status.REJECTED, LATER, Reason.OUT_OF_STOCK)

    with decisions.transaction() as tx:
        tx.save_orders(tx.lock_orders([placed.id]) and [rejected])

    assert decisions.order(placed.id) == rejected
    assert decisions.order(other.id) == other
    assert list(decisions.events(placed.id)) == [
        Event(1, Status.PLACED, None, NOON),
        Event(2, Status.REJECTED, Reason.OUT_OF_STOCK, LATER),
    ]


@pytest.mark.parametrize("status", Status)
def test_every_status_comes_back(decisions: Any, status: Status) -> None:
    placed = order()
    insert(decisions, placed)

    with decisions.transaction() as tx:
        tx.save_orders([placed.to(status, LATER)])

    assert decisions.order(placed.id).status is status


def test_a_customers_orders_come_newest_first_in_pages(decisions: Any) -> None:
    own = [order(customer_id="ann") for _ in range(5)]
    insert(decisions, *own, order(customer_id="bob"))
    newest = [one.id for one in reversed(own)]

    first = decisions.orders_of("ann", 2)
    second = decisions.orders_of("ann", 2, before=first[-1].id)
    third = decisions.orders_of("ann", 2, before=second[-1].id)

    assert [one.id for page in (first, second, third) for one in page] == newest
    assert (first[0].total_minor, first[0].line_count, first[0].placed_at) == (250, 1, NOON)
    assert list(decisions.orders_of("ann", 2, before=newest[-1])) == []
    assert list(decisions.orders_of("nobody", 2)) == []


def opened(decisions: Any, *states: Status) -> list[Any]:
    """Insert an order for each state, which it reached one minute after the one before it."""
    placed = [order(at=NOON + timedelta(minutes=minute)) for minute in range(len(states))]
    insert(decisions, *reversed(placed))
    moved = [one.to(status, one.placed_at) for one, status in zip(placed, states, strict=True)]
    with decisions.transaction() as tx:
        tx.save_orders([one for one in moved if one.status is not Status.PLACED])
    return [one.id for one in placed]


def test_open_orders_are_locked_oldest_first_up_to_a_limit(decisions: Any) -> None:
    """From a time on, and before another; those that have come to an end are none."""
    ids = opened(decisions, Status.PLACED, *Status, Status.PLACED, Status.CONFIRMED, Status.PLACED)
    assert list(Status)[:2] == [Status.PLACED, Status.CONFIRMED]

    def found(since: int, before: int, limit: int = 10) -> list[int]:
        with decisions.transaction() as tx:
            locked = tx.lock_open_orders(NOON + timedelta(minutes=since), NOON + timedelta(minutes=before), limit)
        return [ids.index(one.id) for one in locked]

    assert found(0, 60) == [0, 1, 2, 6, 7, 8]
    assert found(0, 60, limit=2) == [0, 1]
    assert found(1, 8) == [1, 2, 6, 7]
    assert found(3, 6) == []


def test_orders_of_one_time_come_by_id(decisions: Any) -> None:
    orders = [order() for _ in range(5)]
    insert(decisions, *orders[::-1])

    assert [one.id for one in decisions.open_orders(LATER, 10).oldest] == [one.id for one in orders]
    with decisions.transaction() as tx:
        assert [one.id for one in tx.lock_open_orders(NOON, LATER, 10)] == [one.id for one in orders]


def test_open_orders_are_locked_from_where_others_ended(decisions: Any) -> None:
    """In the midst of those of one time, and then all of later ones."""
    of_noon, of_later = [order() for _ in range(3)], [order(at=NOON + timedelta(seconds=9)) for _ in range(2)]
    insert(decisions, *of_later, *of_noon)
    ids = [one.id for one in (*of_noon, *of_later)]

    def behind(at: datetime, order_id: str, limit: int = 10) -> list[int]:
        with decisions.transaction() as tx:
            return [ids.index(one.id) for one in tx.lock_open_orders(at, LATER, limit, order_id)]

    assert behind(NOON, ids[0]) == [1, 2, 3, 4]
    assert behind(NOON, ids[0], limit=1) == [1]
    assert behind(NOON, ids[2]) == [3, 4]
    assert behind(NOON + timedelta(seconds=9), ids[3]) == [4]
    assert behind(NOON + timedelta(seconds=9), ids[4]) == []


def test_open_orders_are_counted_and_the_oldest_named(decisions: Any) -> None:
    ids = opened(decisions, *Status, Status.PLACED, Status.CONFIRMED)

    def found(before: int, limit: int) -> tuple[int, list[int]]:
        some = decisions.open_orders(NOON + timedelta(minutes=before), limit)
        return some.number, [ids.index(one.id) for one in some.oldest]

    assert found(60, 10) == (4, [0, 1, 5, 6])
    assert found(60, 3) == (4, [0, 1, 5])
    assert found(5, 3) == (2, [0, 1])
    assert found(0, 3) == (0, [])
    first = decisions.open_orders(NOON + timedelta(minutes=1), 1).oldest[0]
    assert (first.status, first.updated_at, first.line_count) == (Status.PLACED, NOON, 1)


def test_a_new_stock_opens_empty_at_version_0(decisions: Any) -> None:
    with decisions.transaction() as tx:
        assert tx.open_stock("TEA", NOON) == level("TEA", 0, on_hand=0)


def test_opening_a_stock_again_returns_it_as_it_is(decisions: Any) -> None:
    stock(decisions, level("TEA", 3, on_hand=7))

    with decisions.transaction() as tx:
        assert tx.open_stock("TEA", LATER) == level("TEA", 3, on_hand=7)


def test_stock_is_locked_by_sku_and_skus_without_stock_are_missing(decisions: Any) -> None:
    stock(decisions, level("B"), level("A"), level("C"))

    with decisions.transaction() as tx:
        assert [one.sku for one in tx.lock_stock(["C", "A", "C", "Z"])] == ["A", "C"]


def test_a_saved_level_comes_back(decisions: Any) -> None:
    saved = level("TEA", 9, on_hand=7, allocated=3, shipped_total=3_000_000_000, at=LATER)
    stock(decisions, saved, level("MILK"))

    assert list(decisions.stock_levels(10)) == [level("MILK"), saved]


def test_levels_come_in_order_of_sku_in_pages(decisions: Any) -> None:
    """In the order of their signs' codes, whatever the server's language."""
    skus = ["10", "9", "A", "A-1", "A.1", "A1", "A_1", "B"]
    stock(decisions, *[level(sku) for sku in skus])
    expected = sorted(skus)

    first = [one.sku for one in decisions.stock_levels(5)]
    second = [one.sku for one in decisions.stock_levels(5, after=first[-1])]

    assert first + second == expected


def test_levels_of_some_skus_come_in_order_of_sku(decisions: Any) -> None:
    stock(decisions, level("B"), level("A", 4, on_hand=7, at=LATER), level("C"))

    assert list(decisions.levels_of(["B", "A", "B", "Z"])) == [level("A", 4, on_hand=7, at=LATER), level("B")]
    assert list(decisions.levels_of([])) == []


def test_a_movement_comes_back(decisions: Any) -> None:
    placed = order()
    insert(decisions, placed)
    stock(decisions, level("TEA"))
    purchase = Movement(new_id(), "TEA", Kind.PURCHASE, 5, None, None, "boss", NOON, 2)
    returned = Movement(new_id(), "TEA", Kind.RETURN, 1, None, placed.id, "boss", LATER, 3)
    adjusted = Movement(new_id(), "TEA", Kind.ADJUSTMENT, -3_000_000_000, "Thé \U0001f375", None, "boss", LATER, 4)

    with decisions.transaction() as tx:
        for one in (purchase, returned, adjusted):
            tx.insert_movement(one)

    for one in (purchase, returned, adjusted):
        assert decisions.movement(one.id) == one
    assert decisions.movement(new_id()) is None


def test_a_skus_movements_come_newest_first_in_pages(decisions: Any) -> None:
    """By version, the order in which they happened, whatever their times say."""
    stock(decisions, level("TEA"), level("MILK"))
    moved = [
        Movement(new_id(), "TEA", Kind.PURCHASE, 1, None, None, "boss", NOON - timedelta(hours=version), version)
        for version in (2, 3, 7, 10, 11)
    ]
    with decisions.transaction() as tx:
        for one in moved:
            tx.insert_movement(one)
        tx.insert_movement(replace(moved[0], id=new_id(), sku="MILK"))

    first = decisions.movements("TEA", 2)
    second = decisions.movements("TEA", 2, before=first[-1].version)
    third = decisions.movements("TEA", 2, before=second[-1].version)

    assert [*first, *second, *third] == moved[::-1]
    assert list(decisions.movements("TEA", 2, before=2)) == []
    assert list(decisions.movements("TEA", 2, before=0)) == []
    assert list(decisions.movements("GOLD", 2)) == []


def test_what_came_back_is_added_up_by_order_and_sku(decisions: Any) -> None:
    shipped, other = order(("TEA", 9), ("MILK", 9)), order()
    insert(decisions, shipped, other)
    stock(decisions, level("TEA"), level("MILK"))
    moved = [
        ("TEA", Kind.RETURN, 3_000_000_000, shipped.id),
        ("TEA", Kind.RETURN, 1, shipped.id),
        ("TEA", Kind.PURCHASE, 5, shipped.id),
        ("TEA", Kind.PURCHASE, 5, None),
        ("TEA", Kind.ADJUSTMENT, -5, None),
        ("TEA", Kind.RETURN, 2, other.id),
        ("MILK", Kind.RETURN, 4, shipped.id),
    ]

    with decisions.transaction() as tx:
        for version, (sku, kind, quantity, order_id) in enumerate(moved, 2):
            tx.insert_movement(Movement(new_id(), sku, kind, quantity, None, order_id, "boss", NOON, version))
        within = tx.returned(shipped.id, "TEA")

    assert within == 3_000_000_001
    with decisions.transaction() as tx:
        assert tx.returned(shipped.id, "TEA") == 3_000_000_001
        assert tx.returned(shipped.id, "MILK") == 4
        assert tx.returned(other.id, "TEA") == 2
        assert tx.returned(other.id, "MILK") == 0


def test_a_key_is_claimed_once(decisions: Any) -> None:
    first, second = new_id(), new_id()

    with decisions.transaction() as tx:
        assert tx.claim(Key("scope", "asked"), first, NOON) is None
    with decisions.transaction() as tx:
        assert tx.claim(Key("scope", "other"), second, LATER) == Claim("asked", first)
        assert tx.claim(Key("elsewhere", "asked"), second, LATER) is None


def test_a_key_is_free_again_when_its_retention_is_over(decisions: Any) -> None:
    first, second, third = new_id(), new_id(), new_id()
    with decisions.transaction() as tx:
        tx.claim(Key("scope", "asked"), first, NOON)

    with decisions.transaction() as tx:
        assert tx.claim(Key("scope", "other"), second, NOON + RETENTION - timedelta(seconds=1)) == Claim("asked", first)
        assert tx.claim(Key("scope", "other"), second, NOON + RETENTION) is None
    with decisions.transaction() as tx:
        assert tx.claim(Key("scope", "asked"), third, NOON + RETENTION + timedelta(hours=1)) == Claim("other", second)


def test_a_transaction_that_raises_leaves_nothing_behind(decisions: Any) -> None:
    placed = order()
    insert(decisions, placed)
    stock(decisions, level("TEA"))
    new = order()

    with pytest.raises(ZeroDivisionError), decisions.transaction() as tx:
        tx.claim(Key("scope", "asked"), new.id, NOON)
        tx.insert_order(new)
        tx.save_orders([placed.to(Status.CONFIRMED, LATER)])
        tx.save_stock([level("TEA", 2, on_hand=1)])
        tx.open_stock("MILK", NOON)
        tx.insert_movement(Movement(new.id, "TEA", Kind.PURCHASE, 5, None, None, "boss", NOON, 2))
        tx.publish([message()], NOON)
        raise ZeroDivisionError

    assert decisions.order(new.id) is None
    assert decisions.order(placed.id) == placed
    assert len(decisions.events(placed.id)) == 1
    assert list(decisions.stock_levels(10)) == [level("TEA")]
    assert decisions.movement(new.id) is None
    assert decisions.backlog().number == 0
    with decisions.transaction() as tx:
        assert tx.claim(Key("scope", "asked"), new.id, NOON) is None


def test_messages_wait_until_they_are_forgotten(decisions: Any) -> None:
    written = publish(decisions, message(1, Topic.PLACED), message(2), message(3, Topic.CONFIRMED))

    assert [one.message for one in written] == [message(1, Topic.PLACED), message(2), message(3, Topic.CONFIRMED)]
    assert len({one.id for one in written}) == 3
    assert decisions.backlog().number == 3

    decisions.forget([written[0].id, written[2].id, -1])
    assert decisions.backlog().number == 1
    decisions.forget([written[1].id, written[0].id])
    assert decisions.backlog().number == 0


def test_the_backlog_tells_since_when_the_oldest_message_waits(decisions: Any) -> None:
    assert decisions.backlog() == Backlog(0, None)

    (late,) = publish(decisions, message(1), at=LATER)
    early, _ = publish(decisions, message(2), message(3), at=NOON)
    assert decisions.backlog() == Backlog(3, NOON)

    decisions.forget([early.id, early.id + 1])
    assert decisions.backlog() == Backlog(1, LATER)
    decisions.forget([late.id])
    assert decisions.backlog() == Backlog(0, None)


def test_messages_of_one_transaction_add_up(decisions: Any) -> None:
    with decisions.transaction() as tx:
        tx.publish([message(1)], NOON)
        tx.publish([], NOON)
        tx.publish(iter([message(2)]), NOON)

    assert [one.message for one in tx.written] == [message(1), message(2)]


def test_a_relay_sends_what_is_older_as_it_was_written(decisions: Any, publisher: MemoryPublisher) -> None:
    old = publish(decisions, message(1, Topic.PLACED), message(2), at=NOON)
    publish(decisions, message(3), at=LATER)

    assert decisions.relay(publisher, NOON, 10).delivered == 0
    assert decisions.relay(publisher, LATER, 10).delivered == 2
    assert publisher.sent == list(old)
    assert decisions.backlog().number == 1


def test_a_relay_sends_the_oldest_up_to_its_limit(decisions: Any, publisher: MemoryPublisher) -> None:
    written = publish(decisions, *map(message, range(5)))

    assert decisions.relay(publisher, LATER, 2).delivered == 2
    assert publisher.sent == list(written[:2])
    assert decisions.relay(publisher, LATER, 10).delivered == 3
    assert decisions.relay(publisher, LATER, 10).delivered == 0


def test_a_relay_keeps_what_was_not_delivered(decisions: Any, publisher: MemoryPublisher) -> None:
    class Odd:
        def send(self, messages: Sequence[Written]) -> Collection[int]:
            return [messages[0].id]

    publish(decisions, message(1), message(2))

    assert decisions.relay(Odd(), LATER, 10).delivered == 1
    assert decisions.relay(publisher, LATER, 10).delivered == 1
    assert [one.message for one in publisher.sent] == [message(2)]


def test_nothing_is_sent_when_nothing_waits(decisions: Any) -> None:
    class Surprised:
        def send(self, messages: Sequence[Written]) -> Collection[int]:
            raise AssertionError("there is nothing to send")

    assert decisions.relay(Surprised(), LATER, 10).delivered == 0


def test_a_relay_goes_on_behind_what_it_had_in_hand(decisions: Any) -> None:
    """So that messages which cannot be delivered hold up nothing."""
    with decisions.transaction() as tx:
        tx.publish([Message(Topic.EVENTS, "key", {"number": i}) for i in range(3)], NOON)
        numbers = [written.id for written in tx.written]
    down = MemoryPublisher()
    down.down = True

    first = decisions.relay(down, LATER, 2)
    second = decisions.relay(down, LATER, 2, first.last)
    third = decisions.relay(down, LATER, 2, second.last)

    assert [first.last, second.last, third.last] == [numbers[1], numbers[2], 0]


def test_expired_keys_are_pruned(decisions: Any) -> None:
    with decisions.transaction() as tx:
        for i, at in enumerate([NOON, NOON, NOON + timedelta(hours=1)]):
            tx.claim(Key(f"scope-{i}", "print"), str(UUID(int=i)), at)

    assert decisions.prune(NOON, 10) == 0
    assert decisions.prune(NOON + RETENTION, 1) == 1
    assert decisions.prune(NOON + RETENTION, 10) == 1
    assert decisions.prune(NOON + RETENTION, 10) == 0

"""What an operator does with dead letters, and what becomes of their orders."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.memory.letters import MemoryDeadLetters, MemoryPoisonLetters, MemorySources
from adapters.memory.others import MemoryFailures
from domain.errors import Conflict, NotFound, Unavailable
from domain.letters.failures import Attempt, Failure
from domain.letters.letters import Letter, Queue, revived
from domain.letters.poison import LIMIT, Poison
from domain.letters.working import Purged, Redriven, Wanted, get_letter, list_letters, purge, redrive
from domain.orders.order import Order, Reason, Status
from domain.outbox import Topic
from tests.shop import NOON, Shop, new_id

WHY = Attempt("shardId-000000000000:49", "JSONDecodeError", "Expecting value", "ProjectInventory", "request-1", NOON)
NOTICE = json.dumps(
    {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "KinesisBatchInfo": {"shardId": "shardId-000000000000", "startSequenceNumber": "49", "batchSize": 1},
    }
)


class Desk:
    """A shop with dead letters, and an operator who works on them."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.shop.sell("TEA", on_hand=10)
        self.letters, self.sources, self.failures = MemoryDeadLetters(), MemorySources(), MemoryFailures()
        self.told: list[str] = []

    def dies(self, queue: Queue, body: Any) -> str:
        return self.letters.add(queue, body if isinstance(body, str) else json.dumps(body), NOON)

    def placed(self) -> tuple[str, str]:
        """Return the ids of an order and of the letter in which its allocation died."""
        order = self.shop.place(("TEA", 2))
        return order.id, self.dies(Queue.ORDERS, {"order_id": order.id})

    def confirmed(self) -> tuple[str, str]:
        """Return the ids of an order and of the letter in which its shipping died."""
        order = self.shop.place(("TEA", 2))
        self.shop.allocate(order.id)
        return order.id, self.dies(Queue.SHIPPING, {"order_id": order.id})

    def redrive(self, queue: Queue, *ids: str, limit: int = 100) -> Redriven:
        return redrive(Wanted(queue, limit, ids or None), self.letters, self.sources)

    def purge(self, queue: Queue, *ids: str, limit: int = 100) -> Purged:
        return purge(
            Wanted(queue, limit, ids or None),
            self.letters,
            tell=lambda one: self.told.append(one.body),
            store=self.shop.store,
            publisher=self.shop.publisher,
            clock=self.shop.clock,
        )

    def order(self, order_id: str) -> Order:
        return self.shop.order(order_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_letter_is_listed_with_why_it_died(desk: Desk) -> None:
    _, known = desk.placed()
    _, unknown = desk.placed()
    why = replace(WHY, id=known)
    desk.failures.record([why])

    found = list_letters(Wanted(Queue.ORDERS, 100), desk.letters, desk.failures)

    assert [(one.letter.id, one.failure) for one in found] == [(known, Failure(why, NOON, 1)), (unknown, None)]


def test_a_discarded_record_is_known_by_its_place_in_the_stream(desk: Desk) -> None:
    desk.failures.record([WHY])
    letter = desk.dies(Queue.PROJECTION, NOTICE)

    assert get_letter(Queue.PROJECTION, letter, desk.letters, desk.failures).failure == Failure(WHY, NOON, 1)


def test_an_unreadable_record_says_itself_why_it_died(desk: Desk) -> None:
    MemoryPoisonLetters(desk.letters).send([Poison("TEA", b"not json", WHY)])

    (found,) = list_letters(Wanted(Queue.PROJECTION, 1), desk.letters, desk.failures)

    assert found.failure == Failure(WHY, NOON, 1)


def test_a_letter_that_is_not_there_is_not_found(desk: Desk) -> None:
    desk.placed()

    with pytest.raises(NotFound):
        get_letter(Queue.ORDERS, "nobody", desk.letters, desk.failures)


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "null", "{}", '{"order_id": 7}', '{"order_id": "\\ud800"}', "[" * 5000, "{" * 5000]
)
@pytest.mark.parametrize("queue", Queue)
def test_any_body_can_be_looked_at_and_given_up(desk: Desk, queue: Queue, body: str) -> None:
    letter = desk.dies(queue, body)

    found = get_letter(queue, letter, desk.letters, desk.failures)

    assert (found.letter.body, found.letter.order_id, found.failure) == (body, None, None)
    assert desk.purge(queue, letter) == Purged(1, [], [], 0)
    assert desk.told == [body]


def test_a_redriven_letter_goes_back_and_is_gone(desk: Desk) -> None:
    order, letter = desk.placed()

    assert desk.redrive(Queue.ORDERS) == Redriven(1, [], [], 0)

    ((queue, back),) = desk.sources.sent
    assert (queue, back.letter.id, json.loads(back.data)) == (Queue.ORDERS, letter, {"order_id": order})


def test_one_call_moves_no_more_than_it_is_told(desk: Desk) -> None:
    letters = [desk.placed()[1] for _ in range(5)]

    assert desk.redrive(Queue.ORDERS, limit=2) == Redriven(2, [], [], 3)
    assert [back.letter.id for _, back in desk.sources.sent] == letters[:2]


def test_named_letters_are_moved_and_missing_ones_named(desk: Desk) -> None:
    _, second = [desk.placed()[1] for _ in range(2)]

    assert desk.redrive(Queue.ORDERS, second, "nobody") == Redriven(1, [], ["nobody"], 1)
    assert desk.redrive(Queue.ORDERS, second) == Redriven(0, [], [second], 1)


def test_what_cannot_be_removed_is_named(desk: Desk) -> None:
    """The message is sent twice then, which is harmless."""
    order, letter = desk.placed()
    desk.letters.stuck = True

    assert desk.redrive(Queue.ORDERS) == Redriven(1, [], [], 1, (letter,))
    assert desk.purge(Queue.ORDERS) == Purged(0, [desk.order(order)], [], 1, (letter,))


def test_what_did_not_arrive_stays_a_letter(desk: Desk) -> None:
    desk.placed()
    desk.sources.down = True

    with pytest.raises(Unavailable):
        desk.redrive(Queue.ORDERS)

    assert desk.letters.waiting(Queue.ORDERS) == 1


def test_nothing_to_redrive_is_fine(desk: Desk) -> None:
    assert desk.redrive(Queue.SHIPPING) == Redriven(0, [], [], 0)


def test_a_crash_between_sending_and_removing_only_doubles_the_message(desk: Desk) -> None:
    order, _ = desk.placed()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    remove, desk.letters.remove = desk.letters.remove, crash  # type: ignore[method-assign] # the process dies there
    with pytest.raises(KeyboardInterrupt):
        desk.redrive(Queue.ORDERS)
    desk.letters.remove = remove  # type: ignore[method-assign] # and comes back
    assert desk.redrive(Queue.ORDERS).sent == 1

    assert len(desk.sources.sent) == 2
    for _, back in desk.sources.sent:
        desk.shop.allocate(json.loads(back.data)["order_id"])
    assert desk.order(order).status is Status.CONFIRMED
    assert desk.shop.stock("TEA") == (10, 2, 0)
    assert len(desk.shop.store.events(order)) == 2


@pytest.mark.parametrize("data", [b'{"type": "stock"}', b"\xff\xfe", "thé".encode() * 150_000], ids=range(3))
def test_a_record_with_its_data_goes_back_to_the_stream(desk: Desk, data: bytes) -> None:
    MemoryPoisonLetters(desk.letters).send([Poison("TEA", data, WHY)])

    assert desk.redrive(Queue.PROJECTION).sent == 1

    ((_, back),) = desk.sources.sent
    assert (back.key, back.data) == ("TEA", data)


def test_records_without_their_data_are_refused(desk: Desk) -> None:
    """Lambda's notice only names them, and of one that was too large a part is left."""
    notice = desk.dies(Queue.PROJECTION, NOTICE)
    MemoryPoisonLetters(desk.letters).send([Poison("TEA", b"\xff" * LIMIT, WHY)])

    with pytest.raises(Conflict, match="reconcile"):
        desk.redrive(Queue.PROJECTION)
    MemoryPoisonLetters(desk.letters).send([Poison("TEA", b"whole", WHY)])
    done = desk.redrive(Queue.PROJECTION)

    assert (done.sent, done.waiting) == (1, 2)
    assert done.refused[0] == notice


def test_records_without_their_data_do_not_stand_in_the_way(desk: Desk) -> None:
    notices = [desk.dies(Queue.PROJECTION, NOTICE) for _ in range(20)]
    MemoryPoisonLetters(desk.letters).send([Poison("TEA", f"{n}".encode(), WHY) for n in range(5)])

    assert desk.redrive(Queue.PROJECTION, limit=3) == Redriven(3, notices, [], 22)

    assert [back.data for _, back in desk.sources.sent] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"data": "\ud800"},
        {"data": "?", "encoding": "base64"},
        {"partition_key": 7},
        {"partition_key": ""},
        {"partition_key": "x" * 257},
        {"truncated": None},
    ],
    ids=range(7),
)
def test_a_letter_that_only_looks_like_a_record_is_refused(change: dict[str, Any]) -> None:
    said = {"encoding": "text", "data": "x", "partition_key": "TEA", "truncated": False}

    assert revived(Queue.PROJECTION, Letter("1", json.dumps(said), NOON, 1))
    assert revived(Queue.PROJECTION, Letter("1", json.dumps(said | change), NOON, 1)) is None


def test_base64_is_data_again() -> None:
    said = {"encoding": "base64", "data": base64.b64encode(b"\xff").decode(), "partition_key": "k", "truncated": False}

    found = revived(Queue.PROJECTION, Letter("1", json.dumps(said), NOON, 1))

    assert found
    assert found.data == b"\xff"


def test_purging_rejects_an_order_that_waits_for_its_stock(desk: Desk) -> None:
    order, _ = desk.placed()

    done = desk.purge(Queue.ORDERS)

    assert (done.letters, [one.id for one in done.rejected], done.waiting) == (1, [order], 0)
    assert (desk.order(order).status, desk.order(order).reason) == (Status.REJECTED, Reason.ABANDONED)
    assert desk.shop.sent(Topic.EVENTS)[-1]["reason"] == "abandoned"


def test_purging_frees_the_units_of_an_order_that_waits_to_be_shipped(desk: Desk) -> None:
    order, _ = desk.confirmed()
    other, _ = desk.confirmed()
    assert desk.shop.stock("TEA") == (10, 4, 0)

    desk.purge(Queue.SHIPPING, limit=1)

    assert desk.order(order).reason is Reason.ABANDONED
    assert desk.order(other).status is Status.CONFIRMED
    assert desk.shop.stock("TEA") == (10, 2, 0)
    assert desk.shop.sent(Topic.EVENTS)[-1]["allocated"] == 2


def test_an_order_that_another_message_brought_on_stays(desk: Desk) -> None:
    """The sweep of waiting orders sends messages again: a letter may be of the past."""
    order, _ = desk.placed()
    desk.shop.allocate(order)

    assert desk.purge(Queue.ORDERS) == Purged(1, [], [], 0)

    assert desk.order(order).status is Status.CONFIRMED
    assert desk.shop.stock("TEA") == (10, 2, 0)


@pytest.mark.parametrize("queue", [Queue.ORDERS, Queue.SHIPPING])
def test_an_order_that_is_done_stays_as_it_is(desk: Desk, queue: Queue) -> None:
    order = desk.shop.place(("TEA", 2))
    desk.shop.allocate(order.id)
    desk.shop.ship(order.id)
    desk.dies(queue, {"order_id": order.id})

    assert desk.purge(queue).rejected == []
    assert desk.order(order.id).status is Status.FULFILLED


def test_letters_of_one_order_reject_it_once(desk: Desk) -> None:
    order, _ = desk.placed()
    desk.dies(Queue.ORDERS, {"order_id": order})
    desk.dies(Queue.ORDERS, {"order_id": new_id()})

    done = desk.purge(Queue.ORDERS)

    assert (done.letters, len(done.rejected)) == (3, 1)
    assert len(desk.shop.store.events(order)) == 2


def test_a_letter_stays_when_its_order_could_not_be_rejected(desk: Desk) -> None:
    order, letter = desk.placed()

    class Down:
        def transaction(self) -> Any:
            raise Unavailable("the database does not answer")

    store, desk.shop.store = desk.shop.store, Down()
    with pytest.raises(Unavailable):
        desk.purge(Queue.ORDERS)
    desk.shop.store = store

    assert get_letter(Queue.ORDERS, letter, desk.letters, desk.failures).letter.order_id == order
    assert desk.order(order).status is Status.PLACED


def test_who_looks_does_not_disturb_who_holds(desk: Desk) -> None:
    desk.placed()

    with desk.letters.hold(Queue.ORDERS, 100):
        assert desk.purge(Queue.ORDERS) == Purged(0, [], [], 0)
    assert desk.purge(Queue.ORDERS).letters == 1


@pytest.mark.parametrize("shard", ["\ud800", "x" * 3000, None], ids=range(3))
def test_a_notice_that_names_no_place_is_known_by_its_own_id(shard: str | None) -> None:
    said = {"KinesisBatchInfo": {"shardId": shard, "startSequenceNumber": "49"}}

    assert Letter("letter-1", json.dumps(said), NOON, 1).failed_as == "letter-1"

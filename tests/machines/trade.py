"""A machine that trades in any order: customers, queues, people at the shelves, crashes, the stream, time."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from domain.catalog.products import WantedProduct, change_product
from domain.idempotency import Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.moving import MoveStock
from domain.inventory.projection import OrderStep
from domain.inventory.reconciling import reconcile
from domain.inventory.stock import StockLevel
from domain.orders.order import Order, Status
from domain.outbox import Message, Topic
from tests.machines.books import PRICES, Books, Wire, fact, outcome
from tests.shop import Clock, Shop, new_id

CUSTOMERS = ("ann", "bob")
NEXT = {
    None: {Status.PLACED},
    Status.PLACED: {Status.CONFIRMED, Status.REJECTED, Status.CANCELLED},
    Status.CONFIRMED: {Status.FULFILLED, Status.CANCELLED, Status.REJECTED},
}
"""Which status may follow which; what has no entry is an order's outcome."""
OUTCOMES = set(Status) - NEXT.keys()

skus = st.sampled_from([*PRICES, *"ABC" * 3])
wishes = st.lists(st.tuples(st.sampled_from([*PRICES, "NONE", *"ABC" * 6]), st.integers(1, 6)), min_size=1, max_size=5)
stocks = st.lists(st.integers(1, 40), min_size=4, max_size=4)
rarely = st.integers(0, 9).map(lambda i: i == 9)
who = st.sampled_from(CUSTOMERS)
moments = st.sampled_from([{"seconds": 10}, {"seconds": 20}, {"minutes": 30}, {"hours": 2}, {"hours": 24}])


class Trade(RuleBasedStateMachine):
    """The use cases over given adapters, each answer and all that is stored held to the books."""

    orders = Bundle("orders")

    def __init__(self, store: Any, products: Any, view: Any, counts: Any) -> None:
        super().__init__()
        self.clock, self.wire = Clock(), Wire()
        self.shop = Shop(store, products, self.wire, self.clock)
        self.books = Books(self.clock, self.wire)
        self.view, self.counts = view, counts
        self.seen: dict[str, StockLevel] = {}
        self.counted: dict[datetime, dict[Status, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.wishes: dict[str, tuple[str, Sequence[tuple[str, int]], Key]] = {}
        self.touched: set[str] = set()

    @initialize(target=orders, stock=stocks, wanted=st.lists(wishes, min_size=2, max_size=5), done=st.integers(0, 2))
    def open(self, stock: list[int], wanted: list[list[tuple[str, int]]], done: int) -> Any:
        for sku, (price, currency) in PRICES.items():
            self.shop.sell(sku, price, currency=currency)
        for sku, quantity in zip(PRICES, stock, strict=True):
            self.move(Kind.PURCHASE, sku, quantity, f"opening {sku}")
        placed = [self._place("ann", lines, Key(f"opening {i}", str(lines))) for i, lines in enumerate(wanted)]
        found = [order for order in placed if order]
        for deliver in (self.deliver_to_first_queue, self.deliver_to_second_queue)[:done]:
            deliver(found, stranger=False)
        return multiple(*found)

    @rule(target=orders, customer=who, lines=wishes, key=st.integers(0, 30))
    def place(self, customer: str, lines: list[tuple[str, int]], key: int) -> Any:
        """Keys collide now and then: with a living one, or with one that has ended."""
        return self._place(customer, lines, Key(f"{customer} {key}", str(lines))) or multiple()

    @rule(target=orders, order=orders)
    def place_again(self, order: str) -> Any:
        return self._place(*self.wishes[order]) or multiple()

    def _place(self, customer: str, lines: Sequence[tuple[str, int]], key: Key) -> str | None:
        """Place an order; return its id when it is new."""
        told = outcome(lambda: self.shop.place(*lines, customer_id=customer, under=key))
        order_id = told.id if isinstance(told, Order) else new_id()
        is_new = order_id not in self.books.orders
        assert told == outcome(lambda: self.books.place(customer, lines, key, order_id))
        if not (isinstance(told, Order) and is_new):
            return None
        self.wishes[order_id] = (customer, lines, key)
        self.touched.add(order_id)
        return order_id

    @rule(some=st.lists(orders, min_size=1, max_size=5), stranger=rarely)
    def deliver_to_first_queue(self, some: list[str], stranger: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """Late, early, again, several times in one batch; now and then with an id that is no order."""
        batch = [*some, new_id()] if stranger else some
        assert outcome(lambda: self.shop.allocate(*batch)) == outcome(lambda: self.books.decide(batch))
        self.touched.update(some)

    @rule(some=st.lists(orders, min_size=1, max_size=5), stranger=rarely)
    def deliver_to_second_queue(self, some: list[str], stranger: bool) -> None:  # noqa: FBT001 - as above
        batch = [*some, new_id()] if stranger else some
        assert outcome(lambda: self.shop.ship(*batch)) == outcome(lambda: self.books.ship(batch))
        self.touched.update(some)

    @rule(some=st.lists(orders, min_size=1, max_size=3), expected=st.sampled_from([Status.PLACED, Status.CONFIRMED]))
    def abandon(self, some: list[str], expected: Status) -> None:
        """As an admin does who purges their dead letters, and a letter of no order."""
        told = self.shop.abandon(expected, *some, new_id())
        assert told == self.books.abandon(some, expected)
        self.touched.update(some)

    @rule(order=orders, stranger=rarely)
    def cancel(self, order: str, stranger: bool) -> None:  # noqa: FBT001 - as above
        customer = "nobody" if stranger else self.books.orders[order].customer_id
        told = outcome(lambda: self.shop.cancel(order, customer))
        assert told == outcome(lambda: self.books.cancel(order, customer))
        self.touched.add(order)

    @rule(sku=skus, quantity=st.integers(1, 10), key=st.integers(0, 9))
    def receive(self, sku: str, quantity: int, key: int) -> None:
        self.move(Kind.PURCHASE, sku, quantity, str(key))

    @rule(sku=skus, change=st.integers(-12, 5).filter(bool), key=st.integers(0, 9))
    def adjust(self, sku: str, change: int, key: int) -> None:
        self.move(Kind.ADJUSTMENT, sku, change, str(key), reason="counted")

    @rule(order=orders, units=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=4))
    def bring_back(self, order: str, units: list[tuple[int, int]]) -> None:
        """Return (line, quantity) after another, from an order that has shipped them, or not yet, or not as many."""
        ordered = [*self.books.orders[order].quantities, "A"]
        for line, quantity in units:
            self.move(Kind.RETURN, ordered[line % len(ordered)], quantity, new_id(), order_id=order)

    @rule(kind=st.sampled_from(Kind), order=st.none() | st.builds(new_id))
    def move_for_nobody(self, kind: Kind, order: str | None) -> None:
        """Units for an order that does not exist, and returns for none."""
        self.move(kind, "A", 1, "nobody", reason="found", order_id=order)

    def move(self, kind: Kind, sku: str, quantity: int, scope: str, **other: Any) -> None:
        key = Key(f"{kind} {scope}", f"{sku} {quantity} {other}")
        told = outcome(lambda: self.shop.receive(sku, quantity, kind, key=key, **other))
        movement_id = told.id if isinstance(told, Movement) else new_id()
        said = MoveStock(sku, kind, quantity, "boss", key, **{"reason": None, "order_id": None, **other})
        assert told == outcome(lambda: self.books.move(said, movement_id))

    @rule(sku=skus)
    def withdraw(self, sku: str) -> None:
        self.shop.withdraw(sku)
        self.books.sold.discard(sku)

    @rule(sku=skus, price=st.integers(1, 500))
    def sell_at(self, sku: str, price: int) -> None:
        """Sell it, again if it was withdrawn, at another price."""
        wanted = WantedProduct(sku, f"Product {sku}", price, PRICES[sku][1])
        change_product(wanted, self.shop.products, self.clock)
        self.books.sold.add(sku)
        self.books.prices[sku] = price

    @rule(topic=st.sampled_from(Topic), taking=st.sampled_from(["up", "down", "deaf"]))
    def wire_is(self, topic: Topic, taking: str) -> None:
        """While it is down, who has committed might as well have crashed before publishing."""
        self.wire.taking[topic] = taking

    @rule(moment=moments)
    def tick(self, moment: Mapping[str, float]) -> None:
        self.clock.tick(**moment)

    @rule(pick=st.integers(0, 9), then=st.sampled_from(["sweep", "prune", "relay", "place"]))
    def reach(self, pick: int, then: str) -> None:
        """Turn the clock to the very moment at which something ends or begins, and do what may then be done."""
        if moments := sorted(at for at in self.books.deadlines(then) if at >= self.clock.now):
            self.clock.now = moments[pick % len(moments)]
        if then == "sweep":
            self.sweep()
        elif then == "prune":
            self.prune()
        elif then == "relay":
            self.relay(seconds=0, taking="up")
        else:
            for wish in list(self.wishes.values()):
                self._place(*wish)

    @rule(seconds=st.sampled_from([0, 10, 30, 31]), taking=st.sampled_from(["up", "up", "deaf", None]))
    def relay(self, seconds: int, taking: str | None) -> None:
        """Relay some time later, when the wires are up again, or half, or still as they were."""
        self.clock.tick(seconds=seconds)
        if taking:
            self.wire.taking = dict.fromkeys(Topic, taking)
        assert self.shop.relay() == self.books.relay()

    @rule()
    def sweep(self) -> None:
        swept = self.shop.sweep()
        resent, stuck = self.books.sweep()
        assert (swept.resent, swept.stuck.number) == (resent, len(stuck))
        assert {order.id for order in swept.stuck.oldest} <= stuck

    @rule()
    def prune(self) -> None:
        assert self.shop.store.prune(self.clock(), 1000) == self.books.prune()

    @rule(picks=st.lists(st.integers(0, 30), max_size=12))
    def deliver_to_projection(self, picks: list[int]) -> None:
        """Any records of the stream, in any order, any number of times; 0 is the newest."""
        records = [one for one in self.wire.arrived if one.topic is Topic.EVENTS]
        if records:
            self.project([records[-1 - pick % len(records)] for pick in picks])

    def project(self, records: Sequence[Message]) -> None:
        levels, steps = levels_in(records), steps_in(records)
        assert not self.view.write(levels)
        self.counts.count(steps)
        for level in levels:
            if level.sku not in self.seen or self.seen[level.sku].version < level.version:
                self.seen[level.sku] = level
        for step in steps:
            self.counted[_minute(step.at)][step.status].add(step.order_id)
        for sku in {level.sku for level in levels}:
            assert self.view.read(sku, self.clock()).level == self.seen[sku]
        for minute in {_minute(step.at) for step in steps}:
            numbers = {status: len(ids) for status, ids in self.counted[minute].items()}
            assert self.counts.counts(minute) == numbers

    @rule(repair=st.booleans())
    def reconcile(self, repair: bool) -> None:  # noqa: FBT001 - as above
        """See that the view is found to be behind where it is, and that a repair leaves nothing to deliver."""
        behind = [sku for sku, level in sorted(self.books.stock.items()) if self.seen.get(sku) != level]
        found = reconcile(self.shop.store, self.view, self.clock, timedelta(0), repair=repair)
        assert found.compared == len(self.books.stock)
        assert [one.sku for one in (found.repaired if repair else found.differences)] == behind
        if repair:
            self.seen = dict(self.books.stock)
        assert {level.sku: level for level in self.view.levels()} == self.seen

    @invariant()
    def all_is_as_booked(self) -> None:
        self.stock_is_as_booked()
        self.orders_are_as_booked()
        self.every_step_is_legal()
        self.no_message_is_lost_or_made_up()

    def stock_is_as_booked(self) -> None:
        levels = self.shop.store.stock_levels(100)
        moved: dict[str, int] = defaultdict(int)
        for movement in self.books.movements.values():
            moved[movement.sku] += movement.quantity
        for level in levels:
            assert 0 <= level.allocated <= level.on_hand
            assert level.on_hand == moved[level.sku] - level.shipped_total
        assert {level.sku: level for level in levels} == self.books.stock

    def orders_are_as_booked(self) -> None:
        for customer in CUSTOMERS:
            listed = self.shop.store.orders_of(customer, 1000)
            own = [one for one in self.books.orders.values() if one.customer_id == customer]
            assert [_summary(one) for one in listed] == [_summary(one) for one in sorted(own, key=_id, reverse=True)]

    def every_step_is_legal(self) -> None:
        for order_id in self.touched:
            assert self.shop.store.order(order_id) == self.books.orders[order_id]
            steps = self.shop.store.events(order_id)
            assert list(steps) == self.books.steps[order_id]
            assert [step.version for step in steps] == list(range(1, len(steps) + 1))
            for before, after in pairwise([None, *(step.status for step in steps)]):
                assert after in NEXT[before]
        self.touched.clear()

    def no_message_is_lost_or_made_up(self) -> None:
        assert self.shop.store.backlog().number == len(self.books.waiting)
        assert {fact(one) for one in self.wire.arrived} <= self.books.written

    def teardown(self) -> None:
        """Everything arrives in the end, whatever happened; a failure before is told as it was."""
        if sys.exc_info()[0] is None:
            self.drain()

    def drain(self) -> None:
        """Let the wires be up and every queue run empty, newest first; then all must be decided and shown."""
        self.relay(seconds=31, taking="up")
        self.deliver_to_first_queue(self._tasks(Topic.PLACED), stranger=False)
        self.deliver_to_second_queue(self._tasks(Topic.CONFIRMED), stranger=False)
        assert self.shop.store.backlog().number == 0
        assert {fact(one) for one in self.wire.arrived} == self.books.written
        self.touched.update(self.books.orders)
        self.every_step_is_legal()
        self.stock_is_as_booked()
        for order_id in self.books.orders:
            outcomes = [step for step in self.shop.store.events(order_id) if step.status in OUTCOMES]
            assert len(outcomes) == 1
        for sku in PRICES:
            movements = [one for one in self.books.movements.values() if one.sku == sku]
            assert list(self.shop.store.movements(sku, 1000)) == sorted(movements, key=_version, reverse=True)
        self.project([one for one in reversed(self.wire.arrived) if one.topic is Topic.EVENTS])
        self.both_sides_agree()

    def both_sides_agree(self) -> None:
        found = reconcile(self.shop.store, self.view, self.clock, timedelta(0))
        assert (found.compared, list(found.differences)) == (len(self.books.stock), [])
        assert {level.sku: level for level in self.view.levels()} == self.books.stock
        steps = sum(len(ids) for reached in self.counted.values() for ids in reached.values())
        assert steps == sum(len(steps) for steps in self.books.steps.values())

    def _tasks(self, topic: Topic) -> list[str]:
        return [one.key for one in reversed(self.wire.arrived) if one.topic is topic]


def levels_in(records: Sequence[Message]) -> Collection[StockLevel]:
    """Return the levels that records of the stream tell."""
    bodies = [one.body for one in records if one.body["type"] == "stock"]
    names = ("sku", "on_hand", "allocated", "shipped_total", "version")
    return [StockLevel(*[body[name] for name in names], datetime.fromisoformat(str(body["at"]))) for body in bodies]  # type: ignore[arg-type] # flat JSON


def steps_in(records: Sequence[Message]) -> Collection[OrderStep]:
    """Return the orders' steps that records of the stream tell."""
    bodies = [{**one.body} for one in records if one.body["type"] == "order"]
    return [
        OrderStep(str(one["order_id"]), Status(one["status"]), datetime.fromisoformat(str(one["at"]))) for one in bodies
    ]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _summary(order: Any) -> tuple[Any, ...]:
    return (order.id, order.status, order.reason, order.version, order.total_minor, order.placed_at, order.updated_at)


def _id(order: Order) -> str:
    return order.id


def _version(movement: Movement) -> int:
    return movement.version

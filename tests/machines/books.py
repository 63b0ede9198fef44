"""What a shop's books should say: plain arithmetic, to which machines hold the use cases over any adapters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.errors import Conflict, FieldProblem, InvalidInput, KeyReused, NotFound
from domain.idempotency import RETENTION, Key
from domain.inventory.movement import Kind, Movement
from domain.inventory.moving import MoveStock
from domain.inventory.stock import StockLevel
from domain.orders.order import Event, Line, Order, Reason, Status
from domain.orders.sweeping import RESEND_AGE, STUCK_AGE
from domain.outbox import RELAY_AGE, Message, Topic, Written
from tests.shop import Clock

PRICES = {"A": (250, "GBP"), "B": (120, "GBP"), "C": (999, "GBP"), "D": (100, "EUR")}
"""What the shop sells, in minor units."""
TASKS = {Status.PLACED: Topic.PLACED, Status.CONFIRMED: Topic.CONFIRMED}
NOTHING: Mapping[str, int] = {}

Fact = tuple[Any, ...]


def fact(message: Message) -> Fact:
    """Return a message as something that sets can hold."""
    return (message.topic, message.key, *sorted(message.body.items()))


class Wire:
    """A publisher that loses messages, or the news that they arrived, topic by topic.

    `taking` is "up", "down", or "deaf": messages arrive, and the sender never hears of it.
    """

    def __init__(self) -> None:
        self.taking = dict.fromkeys(Topic, "up")
        self.arrived: list[Message] = []

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all that is not down; return the ids of those of which the sender hears."""
        self.arrived += [one.message for one in messages if self.taking[one.message.topic] != "down"]
        return [one.id for one in messages if self.taking[one.message.topic] == "up"]


class Books:
    """The truth: who placed what, what is where, which messages are owed. Methods answer, or raise, as the shop must.

    `waiting` are messages that are not known to have arrived, each with the time at which it was written.
    """

    def __init__(self, clock: Clock, wire: Wire) -> None:
        self._clock = clock
        self._wire = wire
        self.prices = {sku: price for sku, (price, _) in PRICES.items()}
        self.sold = set(PRICES)
        self.stock: dict[str, StockLevel] = {}
        self.orders: dict[str, Order] = {}
        self.steps: dict[str, list[Event]] = defaultdict(list)
        self.movements: dict[str, Movement] = {}
        self.keys: dict[str, tuple[str, str, datetime]] = {}
        self.written: set[Fact] = set()
        self.waiting: list[tuple[Fact, datetime]] = []

    @property
    def now(self) -> datetime:
        """The time."""
        return self._clock()

    def place(self, customer: str, lines: Sequence[tuple[str, int]], key: Key, order_id: str) -> Order:
        """Say what placing an order must answer, which has this id when it is new."""
        if earlier := self._claimed(key):
            first = self.orders[earlier]
            return replace(first, status=Status.PLACED, reason=None, version=1, updated_at=first.placed_at)
        if unknown := [i for i, (sku, _) in enumerate(lines) if sku not in self.sold]:
            raise InvalidInput("", [FieldProblem(f"lines[{i}].sku", "") for i in unknown])
        if len({PRICES[sku][1] for sku, _ in lines}) > 1:
            raise InvalidInput("", [FieldProblem("lines", "")])
        assert order_id not in self.orders, "an id is used twice"
        order = Order(
            id=order_id,
            customer_id=customer,
            status=Status.PLACED,
            reason=None,
            currency=PRICES[lines[0][0]][1],
            total_minor=sum(self.prices[sku] * quantity for sku, quantity in lines),
            line_count=len(lines),
            placed_at=self.now,
            updated_at=self.now,
            lines=tuple(Line(sku, quantity, self.prices[sku]) for sku, quantity in lines),
        )
        self._claim(key, order_id)
        self._write([order.task(Topic.PLACED), *self._stepped([order])])
        return order

    def decide(self, ids: Collection[str]) -> Mapping[str, Order]:
        """Say what queue 1's step must answer."""
        promised: Counter[str] = Counter()
        decided = []
        for order in self._locked(ids, Status.PLACED):
            wanted = order.quantities
            if not wanted.keys() <= self.sold:
                decided.append(self._next(order, Status.REJECTED, Reason.DISCONTINUED))
            elif any(self._available(sku) < promised[sku] + units for sku, units in wanted.items()):
                decided.append(self._next(order, Status.REJECTED, Reason.OUT_OF_STOCK))
            else:
                promised.update(wanted)
                decided.append(self._next(order, Status.CONFIRMED))
        confirmed = [order.task(Topic.CONFIRMED) for order in decided if order.status is Status.CONFIRMED]
        self._write([*self._stepped(decided), *self._turned(allocated=promised), *confirmed])
        return {order.id: order for order in decided}

    def ship(self, ids: Collection[str]) -> Mapping[str, Order]:
        """Say what queue 2's step must answer."""
        shipped = [self._next(order, Status.FULFILLED) for order in self._locked(ids, Status.CONFIRMED)]
        left: Counter[str] = Counter()
        for order in shipped:
            left.update(order.quantities)
        gone = {sku: -units for sku, units in left.items()}
        self._write([*self._stepped(shipped), *self._turned(on_hand=gone, allocated=gone, shipped=left)])
        return {order.id: order for order in shipped}

    def abandon(self, ids: Collection[str], expected: Status) -> Mapping[str, Order]:
        """Say what purging must answer."""
        waiting = self._locked(self.orders.keys() & set(ids), expected)
        rejected = [self._next(order, Status.REJECTED, Reason.ABANDONED) for order in waiting]
        freed: Counter[str] = Counter()
        for order in waiting if expected is Status.CONFIRMED else ():
            freed.subtract(order.quantities)
        self._write([*self._stepped(rejected), *self._turned(allocated=freed)])
        return {order.id: order for order in rejected}

    def cancel(self, order_id: str, customer: str) -> Order:
        """Say what cancelling must answer."""
        order = self.orders[order_id]
        if order.customer_id != customer:
            raise NotFound("")
        if order.status is Status.CANCELLED:
            return order
        if order.status in (Status.REJECTED, Status.FULFILLED):
            raise Conflict("")
        cancelled = self._next(order, Status.CANCELLED)
        freed = order.quantities if order.status is Status.CONFIRMED else {}
        released = {sku: -units for sku, units in freed.items()}
        self._write([*self._stepped([cancelled]), *self._turned(allocated=released)])
        return cancelled

    def move(self, move: MoveStock, movement_id: str) -> Movement:
        """Say what a receipt or an adjustment must answer, which has this id when it is new."""
        if move.sku not in PRICES:
            raise NotFound("")
        if earlier := self._claimed(move.key):
            return self.movements[earlier]
        self._check_return(move)
        if self._available(move.sku) + move.quantity < 0:
            raise Conflict("")
        self._claim(move.key, movement_id)
        self._write(self._turned(on_hand={move.sku: move.quantity}))
        said = (move.kind, move.quantity, move.reason, move.order_id, move.actor)
        moved = Movement(movement_id, move.sku, *said, self.now, self.stock[move.sku].version)
        self.movements[movement_id] = moved
        return moved

    def _check_return(self, move: MoveStock) -> None:
        """See that a return's order shipped what comes back, and that nothing else names an order."""
        if move.kind is not Kind.RETURN and move.order_id is None:
            return
        order = self.orders.get(move.order_id or "")
        if move.kind is not Kind.RETURN or order is None:
            raise InvalidInput("", [FieldProblem("order_id", "")])
        before = [one for one in self.movements.values() if (one.order_id, one.sku) == (order.id, move.sku)]
        back = sum(one.quantity for one in before) + move.quantity
        if order.status is not Status.FULFILLED or back > order.quantities.get(move.sku, 0):
            raise Conflict("")

    def relay(self) -> int:
        """Say how many messages a relay must deliver."""
        before = len(self.waiting)
        self.waiting = [(owed, at) for owed, at in self.waiting if not (at < self.now - RELAY_AGE and self._up(owed))]
        return before - len(self.waiting)

    def sweep(self) -> tuple[int, Collection[str]]:
        """Say how many tasks a sweep must publish anew, and which orders are stuck."""
        still = [order for order in self.orders.values() if order.status in TASKS]
        late = [order for order in still if RESEND_AGE < self.now - order.updated_at <= STUCK_AGE]
        self._write([order.task(TASKS[order.status]) for order in late])
        return len(late), {order.id for order in still if self.now - order.updated_at > STUCK_AGE}

    def prune(self) -> int:
        """Say how many keys must have ended."""
        living = {scope: claim for scope, claim in self.keys.items() if claim[2] > self.now}
        ended = len(self.keys) - len(living)
        self.keys = living
        return ended

    def deadlines(self, of: str) -> Collection[datetime]:
        """Return the moments that decide what a relay or a sweep sends, or which keys have ended."""
        if of == "relay":
            return {at + RELAY_AGE for _, at in self.waiting}
        if of == "sweep":
            still = [order.updated_at for order in self.orders.values() if order.status in TASKS]
            return {at + age for at in still for age in (RESEND_AGE, STUCK_AGE)}
        return {end for _, _, end in self.keys.values()}

    def _claimed(self, key: Key) -> str | None:
        fingerprint, resource, end = self.keys.get(key.scope, ("", "", self.now))
        if end <= self.now:
            return None
        if fingerprint != key.fingerprint:
            raise KeyReused("")
        return resource

    def _claim(self, key: Key, resource: str) -> None:
        self.keys[key.scope] = (key.fingerprint, resource, self.now + RETENTION)

    def _available(self, sku: str) -> int:
        held = self.stock.get(sku)
        return held.on_hand - held.allocated if held else 0

    def _locked(self, ids: Collection[str], expected: Status) -> Sequence[Order]:
        if not set(ids) <= self.orders.keys():
            raise NotFound("")
        return [self.orders[one] for one in sorted(set(ids)) if self.orders[one].status is expected]

    def _next(self, order: Order, status: Status, reason: Reason | None = None) -> Order:
        return replace(order, status=status, reason=reason, version=order.version + 1, updated_at=self.now)

    def _stepped(self, orders: Iterable[Order]) -> Sequence[Message]:
        """Write orders' steps down; return the records that are owed for them."""
        found = []
        for order in orders:
            self.orders[order.id] = order
            self.steps[order.id].append(Event(order.version, order.status, order.reason, order.updated_at))
            found.append(order.message())
        return found

    def _turned(
        self,
        on_hand: Mapping[str, int] = NOTHING,
        allocated: Mapping[str, int] = NOTHING,
        shipped: Mapping[str, int] = NOTHING,
    ) -> Sequence[Message]:
        """Write down one transaction's changes, which make one version of each sku; return the records owed."""
        found = []
        for sku in {**on_hand, **allocated, **shipped}:
            held = self.stock.get(sku, StockLevel(sku, 0, 0, 0, 0, self.now))
            self.stock[sku] = StockLevel(
                sku,
                held.on_hand + on_hand.get(sku, 0),
                held.allocated + allocated.get(sku, 0),
                held.shipped_total + shipped.get(sku, 0),
                held.version + 1,
                self.now,
            )
            found.append(self.stock[sku].message())
        return found

    def _write(self, messages: Iterable[Message]) -> None:
        facts = [fact(one) for one in messages]
        assert self.written.isdisjoint(one for one in facts if one[0] is Topic.EVENTS), "a version is told once"
        self.written.update(facts)
        self.waiting += [(one, self.now) for one in facts if not self._up(one)]

    def _up(self, owed: Fact) -> bool:
        return self._wire.taking[owed[0]] == "up"


def outcome(work: Callable[[], Any]) -> Any:
    """Return what work answers, or what kind of refusal it meets, and on which fields."""
    try:
        return work()
    except (Conflict, InvalidInput, KeyReused, NotFound) as refusal:
        return type(refusal), [problem.field for problem in refusal.problems]

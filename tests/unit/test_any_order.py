"""Whatever happens, in whatever order: stock is never oversold, and every order has one outcome."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from adapters.memory.others import MemoryStockView
from domain.errors import Conflict
from domain.inventory.projection import newest
from domain.inventory.reconciling import reconcile
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from domain.outbox import Topic
from tests.shop import Shop

SKUS = ["A", "B", "C"]
OUTCOMES = {Status.REJECTED, Status.CANCELLED, Status.FULFILLED}

lines = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 6)), min_size=1, max_size=4)


class AnyOrder(RuleBasedStateMachine):
    """Customers, queues and the warehouse do as they like; messages come late, twice, or never."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()
        self.view = MemoryStockView()
        self.received: Counter[str] = Counter()
        self.outcomes: dict[str, Status] = {}

    @initialize()
    def open(self) -> None:
        for sku in SKUS:
            self.shop.sell(sku)

    @rule(sku=st.sampled_from(SKUS), quantity=st.integers(1, 10))
    def receive(self, sku: str, quantity: int) -> None:
        self.shop.receive(sku, quantity)
        self.received[sku] += quantity

    @rule(sku=st.sampled_from(SKUS), change=st.integers(-5, 5).filter(bool))
    def adjust(self, sku: str, change: int) -> None:
        available = sum(level.available for level in self.shop.store.stock_levels(10) if level.sku == sku)
        try:
            self.shop.adjust(sku, change)
            self.received[sku] += change
        except Conflict:
            assert available + change < 0

    @rule(target=orders, wanted=lines)
    def place(self, wanted: list[tuple[str, int]]) -> str:
        return self.shop.place(*wanted).id

    @rule(some=st.lists(orders, min_size=1, max_size=4))
    def deliver_to_first_queue(self, some: list[str]) -> None:
        self.shop.allocate(*some)

    @rule(some=st.lists(orders, min_size=1, max_size=4))
    def deliver_to_second_queue(self, some: list[str]) -> None:
        self.shop.ship(*some)

    @rule(one=orders)
    def cancel(self, one: str) -> None:
        before = self.shop.order(one).status
        try:
            assert self.shop.cancel(one).status is Status.CANCELLED
        except Conflict:
            assert before in (Status.REJECTED, Status.FULFILLED)

    @rule()
    def break_publisher(self) -> None:
        self.shop.publisher.down = not self.shop.publisher.down

    @rule()
    def relay(self) -> None:
        self.shop.clock.tick(minutes=1)
        self.shop.relay()

    @rule(data=st.data())
    def deliver_to_projection(self, data: st.DataObject) -> None:
        """Any records of the stream, in any order, any number of times."""
        sent = [_level(body, self.shop) for body in self.shop.sent(Topic.EVENTS) if body["type"] == "stock"]
        if sent:
            self.view.write(newest(data.draw(st.lists(st.sampled_from(sent), max_size=10))))

    @invariant()
    def nothing_is_oversold(self) -> None:
        for level in self.shop.store.stock_levels(10):
            assert 0 <= level.allocated <= level.on_hand

    @invariant()
    def nothing_is_lost(self) -> None:
        for level in self.shop.store.stock_levels(10):
            assert level.on_hand == self.received[level.sku] - level.shipped_total

    @invariant()
    def every_movement_is_on_record(self) -> None:
        for sku in SKUS:
            assert sum(one.quantity for one in self.shop.store.movements(sku, 100)) == self.received[sku]

    @invariant()
    def what_is_promised_or_shipped_is_what_orders_say(self) -> None:
        promised: Counter[str] = Counter()
        shipped: Counter[str] = Counter()
        for order in self._orders():
            if order.status is Status.CONFIRMED:
                promised.update(order.quantities)
            if order.status is Status.FULFILLED:
                shipped.update(order.quantities)
        for level in self.shop.store.stock_levels(10):
            assert level.allocated == promised[level.sku]
            assert level.shipped_total == shipped[level.sku]

    @invariant()
    def every_order_has_one_outcome(self) -> None:
        for order in self._orders():
            if order.status in OUTCOMES:
                assert self.outcomes.setdefault(order.id, order.status) is order.status
            steps = self.shop.store.events(order.id)
            assert [step.version for step in steps] == list(range(1, order.version + 1))
            assert sum(step.status in OUTCOMES for step in steps) <= 1

    @invariant()
    def the_view_never_runs_ahead(self) -> None:
        decided = {level.sku: level.version for level in self.shop.store.stock_levels(10)}
        assert all(level.version <= decided[level.sku] for level in self.view.levels())

    def teardown(self) -> None:
        """Once everything was delivered, both sides agree."""
        self.shop.publisher.down = False
        self.shop.clock.tick(hours=1)
        self.shop.relay()
        sent = [_level(body, self.shop) for body in self.shop.sent(Topic.EVENTS) if body["type"] == "stock"]
        self.view.write(newest(sent))
        found = reconcile(self.shop.store, self.view, self.shop.clock, self.shop.clock() - self.shop.clock())
        assert list(found.differences) == []
        assert self.shop.store.waiting() == 0

    def _orders(self):
        return [self.shop.store.order(one.id) for one in self.shop.store.orders_of("ann", 1000)]


def _level(body, shop: Shop) -> StockLevel:
    return StockLevel(
        body["sku"], body["on_hand"], body["allocated"], body["shipped_total"], body["version"], shop.clock()
    )


AnyOrder.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyOrder = AnyOrder.TestCase

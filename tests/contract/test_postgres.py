"""What only a real database can show: several connections at once, and what each call costs."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from adapters.memory.others import MemoryPublisher
from adapters.postgres.arrays import array
from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from domain.errors import Conflict, Unavailable
from domain.idempotency import Key
from domain.inventory.movement import Kind, Movement
from domain.orders.order import Status
from domain.outbox import Message, Topic, Written, deliver
from tests.shop import NOON, Shop, key, level, new_id, order
from tests.together import together

Connect = Callable[..., Database]


@pytest.fixture
def shop(inventory: Database, catalogue: Database) -> Shop:
    """Return a shop on PostgreSQL that sells tea, ten in stock."""
    shop = Shop(PostgresDecisions(inventory), PostgresProducts(catalogue))
    shop.sell("TEA", on_hand=10)
    return shop


def branch(shop: Shop, another: Connect) -> Shop:
    """Return the same shop over connections of its own, as another worker has it."""
    return Shop(PostgresDecisions(another()), PostgresProducts(another("product")), MemoryPublisher(), shop.clock)


def test_an_order_goes_its_whole_way(shop: Shop) -> None:
    confirmed, rejected = shop.place(("TEA", 6), ("TEA", 1)), shop.place(("TEA", 4))
    shop.allocate(confirmed.id, rejected.id)
    shop.ship(confirmed.id)

    assert [shop.order(one.id).status for one in (confirmed, rejected)] == [Status.FULFILLED, Status.REJECTED]
    assert shop.stock("TEA") == (3, 0, 7)
    assert shop.store.backlog().number == 0


def test_fifty_workers_never_oversell(shop: Shop, another: Connect) -> None:
    orders = [shop.place(("TEA", 1)) for _ in range(50)]
    workers = [branch(shop, another) for _ in orders]

    decided = together(50, lambda i: workers[i].allocate(orders[i].id)[orders[i].id].status)

    assert Counter(decided) == {Status.CONFIRMED: 10, Status.REJECTED: 40}
    assert shop.stock("TEA") == (10, 10, 0)


def test_workers_with_overlapping_batches_neither_oversell_nor_deadlock(shop: Shop, another: Connect) -> None:
    """Each has its orders and its skus in an order of its own; the store locks both in one."""
    shop.sell("MILK", on_hand=10)
    orders = [shop.place(*[("TEA", 1), ("MILK", 1)][:: 1 if i % 2 else -1]) for i in range(16)]
    workers = [branch(shop, another) for _ in range(8)]

    def work(i: int) -> Collection[Status]:
        mine = [one.id for one in (orders if i % 2 else reversed(orders))]
        first = workers[i].allocate(*mine)
        workers[i].ship(*mine)
        return [one.status for one in first.values()]

    for outcome in together(8, work):
        assert isinstance(outcome, list), outcome

    statuses = Counter(shop.order(one.id).status for one in orders)
    assert statuses == {Status.FULFILLED: 10, Status.REJECTED: 6}
    assert shop.stock("TEA") == shop.stock("MILK") == (0, 0, 10)


def test_of_a_cancellation_and_a_shipment_exactly_one_happens(shop: Shop, another: Connect) -> None:
    orders = [shop.place(("TEA", 1)) for _ in range(8)]
    shop.allocate(*[one.id for one in orders])
    workers = [branch(shop, another) for _ in range(16)]

    together(16, lambda i: (workers[i].ship if i % 2 else workers[i].cancel)(orders[i // 2].id))

    statuses = Counter(shop.order(one.id).status for one in orders)
    assert set(statuses) <= {Status.FULFILLED, Status.CANCELLED}
    shipped = statuses[Status.FULFILLED]
    assert shop.stock("TEA") == (10 - shipped, 0, shipped)
    assert all(len(shop.store.events(one.id)) == 3 for one in orders)


def test_what_orders_are_promised_is_never_adjusted_away_under_them(shop: Shop, another: Connect) -> None:
    orders = [shop.place(("TEA", 1)) for _ in range(8)]
    workers = [branch(shop, another) for _ in range(16)]

    def work(i: int) -> bool:
        if i % 2:
            return workers[i].allocate(orders[i // 2].id)[orders[i // 2].id].status is Status.CONFIRMED
        return workers[i].adjust("TEA", -1).quantity == -1

    outcomes = together(16, work)

    promised = sum(outcome is True for outcome in outcomes[1::2])
    removed = sum(outcome is True for outcome in outcomes[::2])
    assert all(isinstance(outcome, bool | Conflict) for outcome in outcomes), outcomes
    assert promised + removed == 10
    assert shop.stock("TEA") == (10 - removed, promised, 0)
    assert sum(one.quantity for one in shop.store.movements("TEA", 100)) == 10 - removed


def test_one_key_at_the_same_time_makes_one_adjustment(shop: Shop, another: Connect) -> None:
    workers = [branch(shop, another) for _ in range(10)]

    adjusted = together(10, lambda i: workers[i].adjust("TEA", -10, key=key("k1")))

    assert len({one.id for one in adjusted}) == 1
    assert shop.stock("TEA") == (0, 0, 0)
    assert len(shop.store.movements("TEA", 10)) == 2


def test_one_key_at_the_same_time_makes_one_order(shop: Shop, another: Connect) -> None:
    workers = [branch(shop, another) for _ in range(10)]

    placed = together(10, lambda i: workers[i].place(("TEA", 1), under=key("k1")))

    assert len({one.id for one in placed}) == 1
    assert len(shop.store.orders_of("ann", 100)) == 1
    assert sum(len(worker.sent(Topic.PLACED)) for worker in workers) == 1


def test_an_expired_key_at_the_same_time_makes_one_order(shop: Shop, another: Connect) -> None:
    first = shop.place(("TEA", 1), under=key("k1"))
    shop.clock.tick(hours=25)
    workers = [branch(shop, another) for _ in range(10)]

    placed = together(10, lambda i: workers[i].place(("TEA", 1), under=key("k1")))

    assert len({one.id for one in placed}) == 1
    assert placed[0].id != first.id


def test_a_claim_waits_for_the_one_that_is_about_to_commit(shop: Shop, another: Connect) -> None:
    other = PostgresDecisions(another())
    claimed, seen = new_id(), []

    def claim() -> None:
        with other.transaction() as tx:
            seen.append(tx.claim(Key("scope", "asked"), new_id(), NOON))

    thread = threading.Thread(target=claim)
    with shop.store.transaction() as tx:
        tx.claim(Key("scope", "asked"), claimed, NOON)
        thread.start()
        _until_somebody_waits(another())
        assert seen == []
    thread.join()

    assert seen[0].resource == claimed


def test_a_claim_that_was_rolled_back_is_free(shop: Shop, another: Connect) -> None:
    other = PostgresDecisions(another())
    seen: list[Any] = []

    def claim() -> None:
        with other.transaction() as tx:
            seen.append(tx.claim(Key("scope", "asked"), new_id(), NOON))

    thread = threading.Thread(target=claim)
    with pytest.raises(ZeroDivisionError), shop.store.transaction() as tx:
        tx.claim(Key("scope", "asked"), new_id(), NOON)
        thread.start()
        _until_somebody_waits(another())
        raise ZeroDivisionError
    thread.join()

    assert seen == [None]


def _until_somebody_waits(observer: Database) -> None:
    while observer.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
        pass


def test_who_comes_first_takes_back_the_last_units(shop: Shop, another: Connect) -> None:
    shipped = shop.shipped(("TEA", 5))
    workers = [branch(shop, another) for _ in range(16)]

    outcomes = together(16, lambda i: workers[i].take_back("TEA", 1 + i % 2, shipped).quantity)

    taken = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert all(isinstance(outcome, int | Conflict) for outcome in outcomes), outcomes
    assert sum(taken) == 5
    assert shop.stock("TEA") == (10, 0, 5)


def test_one_key_at_the_same_time_makes_one_return(shop: Shop, another: Connect) -> None:
    shipped = shop.shipped(("TEA", 1))
    workers = [branch(shop, another) for _ in range(10)]

    returned = together(10, lambda i: workers[i].take_back("TEA", 1, shipped, key=key("k1")))

    assert len({one.id for one in returned}) == 1
    assert shop.stock("TEA") == (10, 0, 1)


def test_returns_and_shipments_of_the_same_goods_do_not_deadlock(shop: Shop, another: Connect) -> None:
    """Both lock orders before stock."""
    shop.sell("MILK", on_hand=20)
    shop.receive("TEA", 10)
    shipped = [shop.shipped(("TEA", 1), ("MILK", 1)) for _ in range(8)]
    confirmed = [shop.place(("MILK", 1), ("TEA", 1)) for _ in range(8)]
    shop.allocate(*[one.id for one in confirmed])
    workers = [branch(shop, another) for _ in range(16)]

    def work(i: int) -> Collection[object]:
        if i % 2:
            return workers[i].ship(*[one.id for one in [*shipped, *confirmed]])
        return [workers[i].take_back(sku, 1, shipped[i // 2]) for sku in ("MILK", "TEA")]

    outcomes = together(16, work)

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert shop.stock("TEA") == shop.stock("MILK") == (12, 0, 16)


def test_what_refers_to_an_order_does_not_wait_for_whoever_decides_it(shop: Shop, another: Connect) -> None:
    placed = shop.place(("TEA", 1))
    other = another()
    other.connection().execute("SET lock_timeout = '2s'")

    with shop.store.transaction() as tx:
        assert tx.lock_orders([placed.id])
        with PostgresDecisions(other).transaction() as receiving:
            receiving.open_stock("TEA", NOON)
            receiving.insert_movement(Movement(new_id(), "TEA", Kind.RETURN, 1, None, placed.id, "boss", NOON, 2))


@pytest.mark.parametrize("lock", ["lock_orders", "lock_stock"])
def test_what_is_locked_nobody_else_locks(shop: Shop, another: Connect, lock: str) -> None:
    placed = shop.place(("TEA", 1))
    what = [placed.id] if lock == "lock_orders" else ["TEA"]
    other = another()
    other.connection().execute("SET lock_timeout = '50ms'")

    with shop.store.transaction() as tx:
        assert getattr(tx, lock)(what)
        with pytest.raises(Unavailable), PostgresDecisions(other).transaction() as second:
            getattr(second, lock)(what)


def test_relays_side_by_side_send_every_message_once(shop: Shop, another: Connect) -> None:
    with shop.store.transaction() as tx:
        tx.publish([Message(Topic.EVENTS, "key", {"number": i}) for i in range(200)], NOON)
    workers = [PostgresDecisions(another()) for _ in range(4)]
    publishers = [MemoryPublisher() for _ in workers]
    later = NOON + timedelta(minutes=1)

    def work(i: int) -> int:
        total = 0
        while shop_waits():
            total += workers[i].relay(publishers[i], later, 10).delivered
        return total

    def shop_waits() -> bool:
        return sum(len(one.sent) for one in publishers) < 200

    delivered = together(4, work)

    assert sum(delivered) == 200
    assert sorted(one.message.body["number"] for each in publishers for one in each.sent) == list(range(200))
    assert shop.store.backlog().number == 0


def test_a_relay_passes_over_what_another_has_in_hand(shop: Shop, another: Connect) -> None:
    with shop.store.transaction() as tx:
        tx.publish([Message(Topic.EVENTS, "key", {"number": i}) for i in range(4)], NOON)
    other, later = PostgresDecisions(another()), NOON + timedelta(minutes=1)
    inner = MemoryPublisher()

    class Slow:
        def send(self, messages: Sequence[Written]) -> Collection[int]:
            assert other.relay(inner, later, 10).delivered == 1
            return [one.id for one in messages]

    assert shop.store.relay(Slow(), later, 3).delivered == 3
    assert [one.message.body["number"] for one in inner.sent] == [3]


def test_a_relay_that_dies_leaves_its_messages_to_the_next(shop: Shop) -> None:
    with shop.store.transaction() as tx:
        tx.publish([Message(Topic.EVENTS, "key", {"number": 1})], NOON)

    class Dying:
        def send(self, messages: Sequence[Written]) -> Collection[int]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shop.store.relay(Dying(), NOON + timedelta(minutes=1), 10)

    assert shop.store.backlog().number == 1


def test_what_was_sent_and_cannot_be_forgotten_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Else everything might go out twice and nobody would know why."""
    nowhere = PostgresDecisions(Database("inventory", lambda: Server("127.0.0.1", 1, "nobody", "-"), "disable"))
    logger = logging.getLogger("adapters.postgres.decisions")
    logger.addHandler(caplog.handler)
    try:
        deliver([Written(7, order().message())], nowhere, MemoryPublisher())
    finally:
        logger.removeHandler(caplog.handler)

    assert "sent and not forgotten, to be sent again by the relay: 1 messages" in caplog.text


def test_a_sweep_passes_over_orders_that_somebody_has_in_hand(shop: Shop, another: Connect) -> None:
    """A decision or another sweep: it neither waits for them nor sends their tasks twice."""
    orders = [shop.place(("TEA", 1)) for _ in range(6)]
    shop.clock.tick(hours=1)
    other = another()
    other.connection().execute("SET lock_timeout = '1ms'")
    sweep = Shop(PostgresDecisions(other), shop.products, MemoryPublisher(), shop.clock)

    with shop.store.transaction() as deciding, PostgresDecisions(another()).transaction() as sweeping:
        deciding.lock_orders([orders[0].id, orders[3].id])
        first = sweeping.lock_open_orders(shop.clock() - timedelta(hours=2), shop.clock(), 2)
        assert sweep.sweep(limit=1).resent == 2

    assert [one.id for one in first] == [orders[1].id, orders[2].id]
    assert [one["order_id"] for one in sweep.sent(Topic.PLACED)] == [orders[4].id, orders[5].id]


class Explaining:
    """A connection that keeps the plan of each statement."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans = ""

    def execute(self, sql: str, parameters: Any = None) -> Any:
        self.plans += "".join(line for (line,) in self._connection.execute(f"EXPLAIN {sql}", parameters))
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_sweep_does_not_look_at_orders_that_have_come_to_their_end(inventory: Database) -> None:
    inventory.execute(
        "INSERT INTO orders"
        " (id, customer_id, status, currency, total_minor, line_count, version, placed_at, updated_at)"
        " SELECT gen_random_uuid(), 'ann', CASE WHEN n %% 5000 = 0 THEN 'PLACED' ELSE 'FULFILLED' END,"
        " 'GBP', 1, 1, 1, %(noon)s, %(noon)s FROM generate_series(1, 20000) AS n",
        {"noon": NOON},
    )
    inventory.execute("ANALYZE orders")
    store, later = PostgresDecisions(inventory), NOON + timedelta(hours=1)
    real = inventory.connection()
    inventory._own.connection = explaining = Explaining(real)  # type: ignore[assignment] # passes everything on
    try:
        with store.transaction() as tx:
            assert len(tx.lock_open_orders(NOON, later, 500)) == 4
        assert store.open_orders(later, 20).number == 4
    finally:
        inventory._own.connection = real

    assert explaining.plans.count("Index Scan using open_orders on orders") == 2
    assert "Seq Scan" not in explaining.plans


class Counting:
    """A connection that counts its statements."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.statements = 0

    def execute(self, *statement: Any) -> Any:
        self.statements += 1
        return self._connection.execute(*statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.fixture
def cost(shop: Shop, inventory: Database) -> Callable[[Callable[[], Any]], int]:
    """Return a function that says how many statements some work takes."""

    def count(work: Callable[[], Any]) -> int:
        real = inventory.connection()
        inventory._own.connection = counting = Counting(real)  # type: ignore[assignment] # passes everything on
        try:
            work()
        finally:
            inventory._own.connection = real
        return counting.statements

    return count


def test_statements_do_not_grow_with_the_lines(shop: Shop, cost: Callable[..., int]) -> None:
    for i in range(600):
        shop.sell(f"SKU-{i}")
    shop.store.transaction()
    _stock(shop, 600)

    def way(number: int) -> tuple[int, ...]:
        placed = order(*[(f"SKU-{i}", 1) for i in range(number)])
        return (
            cost(lambda: _insert(shop, placed)),
            cost(lambda: shop.allocate(placed.id)),
            cost(lambda: shop.ship(placed.id)),
        )

    assert way(1) == way(10) == way(600)
    assert shop.level("SKU-0").shipped_total == 3


def test_statements_do_not_grow_with_the_orders(shop: Shop, cost: Callable[..., int]) -> None:
    shop.receive("TEA", 1000)

    def way(number: int) -> tuple[int, ...]:
        placed = [order(("TEA", 1)) for _ in range(number)]
        for one in placed:
            _insert(shop, one)
        ids = [one.id for one in placed]
        return cost(lambda: shop.allocate(*ids)), cost(lambda: shop.ship(*ids))

    assert way(1) == way(10) == way(100)
    assert shop.level("TEA").shipped_total == 111


def _insert(shop: Shop, placed: Any) -> None:
    with shop.store.transaction() as tx:
        tx.insert_order(placed)
        tx.publish([placed.message()], NOON)


def _stock(shop: Shop, number: int) -> None:
    with shop.store.transaction() as tx:
        for i in range(number):
            tx.open_stock(f"SKU-{i}", NOON)
        tx.save_stock([level(f"SKU-{i}") for i in range(number)])


def test_a_page_reads_the_orders_that_it_shows(shop: Shop, inventory: Database) -> None:
    """Not all that a customer has, to sort them."""
    placed = [order(("TEA", 1)) for _ in range(300)]
    for one in placed:
        _insert(shop, one)
    inventory.execute("ANALYZE orders")

    before = _orders_read(inventory)
    shop.store.orders_of("ann", 10)

    assert _orders_read(inventory) - before == 10


def _orders_read(inventory: Database) -> int:
    """Return how many rows of orders this connection has read so far."""
    inventory.query("SELECT pg_stat_force_next_flush()")
    ((read,),) = inventory.query(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'orders'"
    )
    return int(read)


def test_the_database_itself_refuses_to_oversell(shop: Shop) -> None:
    """Should the code above it ever be wrong."""
    for wrong in ({"on_hand": -1}, {"allocated": 11}, {"allocated": -1}, {"shipped_total": -1}):
        with pytest.raises(psycopg.errors.CheckViolation), shop.store.transaction() as tx:
            tx.save_stock([shop.level("TEA")._replace(**wrong)])


def test_an_order_is_inserted_once(shop: Shop) -> None:
    placed = shop.place(("TEA", 1))

    with pytest.raises(psycopg.errors.UniqueViolation), shop.store.transaction() as tx:
        tx.insert_order(placed)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [None],
        ["", "NULL", "null", None],
        ['"', "\\", '\\"', "a,b", "{x}", "{", " space ", "line\nline", "tab\t", "é€😀"],
        ['{"type":"stock","note":"a \\\\ and a \\" in it"}'],
    ],
)
def test_an_array_holds_what_was_put_in(inventory: Database, values: list[str | None]) -> None:
    ((found,),) = inventory.query("SELECT %s::text[]", [array(values)])

    assert found == values


def test_an_array_of_times_and_numbers(inventory: Database) -> None:
    at = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)

    (found,) = inventory.query("SELECT %s::timestamptz[], %s::bigint[]", [array([at]), array([-1, 2**53])])

    assert found == ([at], [-1, 2**53])

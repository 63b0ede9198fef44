"""What work costs, counted: SQL statements and calls to AWS, whatever the number of orders, lines and records.

PostgreSQL itself tells each statement that it was asked for, BEGIN and COMMIT among them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import accumulate
from typing import Any

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.system import now
from domain.orders.order import Status
from domain.outbox import Message, Topic
from tests.cloud import unique
from tests.events import caller, failures, kinesis, sqs
from tests.integration.conftest import Answer, Call
from tests.integration.wire import counted
from tests.shop import NOON, Shop, level, new_id, order
from tests.shop import product as sold
from tests.template import handlers

Cost = tuple[int, Mapping[str, int]]
"""SQL statements, and calls to AWS by operation."""
Price = Callable[[Callable[[], object]], Cost]

SKUS = 600
BATCHES = [(1, 1), (1, 10), (1, 600), (10, 1), (10, 600), (100, 1), (100, 10)]
"""(orders, lines of each)."""
PAYLOAD = 6 * 1024 * 1024
"""Lambda's longest event, in bytes."""


@pytest.fixture
def price(environment: Any, monkeypatch: pytest.MonkeyPatch, clean_databases: dict[str, Database]) -> Price:
    """Return a function that says what some work of the handlers costs on connections that are open."""
    from handlers.wiring.database import database  # noqa: PLC0415 - handlers are imported with their variables set

    monkeypatch.setattr("adapters.postgres.database.TRUSTED_FOR", 3600)
    clean_databases["inventory"].execute("GRANT SET ON PARAMETER log_statement TO inventory_service, product_service")

    def cost(work: Callable[[], object]) -> Cost:
        with (
            _told(database("inventory").connection()) as decided,
            _told(database("product").connection()) as catalogued,
            counted() as calls,
        ):
            work()
        print("", *decided, *catalogued, sep="\n- ")  # noqa: T201 - shown when the test fails
        return len(decided) + len(catalogued), dict(calls)

    return cost


@contextmanager
def _told(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """Yield a list to which the server adds every statement that it is asked for."""
    statements: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        statements.append(notice.message_primary or "")

    connection.execute("SET client_min_messages = log")
    connection.execute("SET log_statement = 'all'")
    connection.add_notice_handler(hear)
    try:
        yield statements
    finally:
        connection.remove_notice_handler(hear)
        connection.execute("RESET log_statement")
        connection.execute("RESET client_min_messages")


@pytest.fixture
def warehouse(shop: Shop) -> Shop:
    """Return a shop with 600 products, plenty of each."""
    skus = [f"SKU-{i:03}" for i in range(SKUS)]
    for sku in skus:
        shop.products.add(sold(sku))
    with shop.store.transaction() as tx:
        for sku in skus:
            tx.open_stock(sku, NOON)
        tx.save_stock([level(sku, on_hand=1_000_000) for sku in skus])
    return shop


def placed(shop: Shop, orders: int, lines: int) -> list[str]:
    """Place so many orders of so many lines each; return their ids."""
    wanted = [order(*[(f"SKU-{i:03}", 1) for i in range(lines)], at=now()) for _ in range(orders)]
    with shop.store.transaction() as tx:
        for one in wanted:
            tx.insert_order(one)
    return [one.id for one in wanted]


def tasks(ids: Sequence[str]) -> dict[str, Any]:
    return sqs(*[{"order_id": one} for one in ids])


def test_deciding_a_batch(price: Price, invoke: Any, warehouse: Shop) -> None:
    """One SendMessageBatch for ten confirmed orders, one PutRecords for 500 orders and skus."""

    def batch(orders: int, lines: int) -> Cost:
        event = tasks(placed(warehouse, orders, lines))
        return price(lambda: all_done(invoke("process_orders", event)))

    assert {(orders, lines): batch(orders, lines) for orders, lines in BATCHES} == {
        (1, 1): (10, {"SendMessageBatch": 1, "PutRecords": 1}),
        (1, 10): (10, {"SendMessageBatch": 1, "PutRecords": 1}),
        (1, 600): (10, {"SendMessageBatch": 1, "PutRecords": 2}),
        (10, 1): (10, {"SendMessageBatch": 1, "PutRecords": 1}),
        (10, 600): (10, {"SendMessageBatch": 1, "PutRecords": 2}),
        (100, 1): (10, {"SendMessageBatch": 10, "PutRecords": 1}),
        (100, 10): (10, {"SendMessageBatch": 10, "PutRecords": 1}),
    }


def test_shipping_a_batch(price: Price, invoke: Any, warehouse: Shop) -> None:
    def batch(orders: int, lines: int) -> Cost:
        ids = placed(warehouse, orders, lines)
        warehouse.allocate(*ids)
        return price(lambda: all_done(invoke("update_stocks", tasks(ids))))

    assert {(orders, lines): batch(orders, lines) for orders, lines in BATCHES} == {
        (1, 1): (9, {"PutRecords": 1}),
        (1, 10): (9, {"PutRecords": 1}),
        (1, 600): (9, {"PutRecords": 2}),
        (10, 1): (9, {"PutRecords": 1}),
        (10, 600): (9, {"PutRecords": 2}),
        (100, 1): (9, {"PutRecords": 1}),
        (100, 10): (9, {"PutRecords": 1}),
    }


def test_a_batch_in_which_nothing_is_left_to_do(price: Price, invoke: Any, warehouse: Shop) -> None:
    """As when all messages of a batch come a second time."""
    ids = placed(warehouse, 100, 10)
    warehouse.allocate(*ids)
    warehouse.ship(*ids)

    assert price(lambda: invoke("process_orders", tasks(ids))) == (4, {})
    assert price(lambda: invoke("update_stocks", tasks(ids))) == (4, {})


def test_placing_an_order(price: Price, call: Call, warehouse: Shop) -> None:
    """Whatever the number of lines: the key's two writes, and one call for the queue and the stream each."""

    def of_lines(lines: int) -> Cost:
        body = {"lines": [{"sku": f"SKU-{i:03}", "quantity": 1} for i in range(lines)]}
        headers = {"idempotency-key": new_id()}
        return price(lambda: done(call("create_order", body, by=caller(), headers=headers)))

    calls = {"PutItem": 1, "UpdateItem": 1, "SendMessageBatch": 1, "PutRecords": 1}
    assert {lines: of_lines(lines) for lines in (1, 10, 600)} == {1: (9, calls), 10: (9, calls), 600: (9, calls)}


def done(answer: Answer) -> None:
    assert answer.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)


def test_cancelling_an_order(price: Price, call: Call, warehouse: Shop) -> None:
    def of_lines(lines: int) -> Cost:
        (one,) = placed(warehouse, 1, lines)
        warehouse.allocate(one)
        return price(lambda: done(call("cancel_order", by=caller(), path={"id": one})))

    assert {lines: of_lines(lines) for lines in (1, 10, 600)} == {
        1: (10, {"PutRecords": 1}),
        10: (10, {"PutRecords": 1}),
        600: (10, {"PutRecords": 2}),
    }


def test_relaying(price: Price, invoke: Any, shop: Shop) -> None:
    """A round takes 500 messages; one more finds nothing. What waits is counted before and after; old keys go."""

    def of(messages: int, topic: Topic) -> Cost:
        with shop.store.transaction() as tx:
            left = [Message(topic, f"key-{i}", {"order_id": new_id()}) for i in range(messages)]
            tx.publish(left, now() - timedelta(minutes=1))
        return price(lambda: relayed(invoke("relay_outbox", {}), messages))

    found = {(messages, topic.value): of(messages, topic) for topic in Topic for messages in (1, 10, 500)}
    assert found == {
        (1, "placed"): (11, {"SendMessageBatch": 1}),
        (10, "placed"): (11, {"SendMessageBatch": 1}),
        (500, "placed"): (11, {"SendMessageBatch": 50}),
        (1, "confirmed"): (11, {"SendMessageBatch": 1}),
        (10, "confirmed"): (11, {"SendMessageBatch": 1}),
        (500, "confirmed"): (11, {"SendMessageBatch": 50}),
        (1, "events"): (11, {"PutRecords": 1}),
        (10, "events"): (11, {"PutRecords": 1}),
        (500, "events"): (11, {"PutRecords": 1}),
    }


def test_sweeping(price: Price, invoke: Any, warehouse: Shop) -> None:
    """A page takes 500 orders; one more finds nothing. Then the stuck ones are counted."""

    def of(orders: int) -> Cost:
        wanted = [order(("SKU-001", 1), at=now() - timedelta(hours=1)) for _ in range(orders)]
        with warehouse.store.transaction() as tx:
            for one in wanted:
                tx.insert_order(one)
        cost = price(lambda: swept(invoke("sweep_orders", {}), orders))
        with warehouse.store.transaction() as tx:
            tx.save_orders([one.to(Status.CANCELLED, now()) for one in wanted])
        return cost

    assert {orders: of(orders) for orders in (1, 10, 500)} == {
        1: (9, {"SendMessageBatch": 1}),
        10: (9, {"SendMessageBatch": 1}),
        500: (9, {"SendMessageBatch": 50}),
    }


def swept(answer: Mapping[str, int], orders: int) -> None:
    assert answer == {"resent": orders, "stuck": 0}


def relayed(answer: Mapping[str, int], messages: int) -> None:
    assert answer == {"relayed": messages, "waiting": 0}


def stock(sku: str, version: int, at: datetime = NOON) -> Mapping[str, Any]:
    return level(sku, version, on_hand=1_000_000, shipped_total=version, at=at).message().body


def full(records: Callable[[int], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the longest event that Lambda sends with the template's batch size, records by their number."""
    most = handlers()["project_inventory"]["Events"]["Stream"]["Properties"]["BatchSize"]
    event = kinesis(*map(records, range(most)))
    sizes = accumulate(len(json.dumps(one)) + len(", ") for one in event["Records"])
    fitting = sum(size <= PAYLOAD - len(json.dumps({"Records": []})) for size in sizes)
    assert fitting > 5000
    return {"Records": event["Records"][:fitting]}


def test_a_full_batch_over_50_skus_is_50_writes(price: Price, invoke: Any) -> None:
    """Each sku's first ever; a second batch in the same hour; a third, which opens another hour's sales."""
    prefix = unique("SKU").upper()

    def batch(number: int, at: datetime) -> Cost:
        event = full(lambda i: stock(f"{prefix}-{i % 50:02}", 1 + i // 50 + 1000 * number, at))
        return price(lambda: all_done(invoke("project_inventory", event)))

    assert batch(0, NOON) == (0, {"UpdateItem": 50})
    assert batch(1, NOON + timedelta(minutes=1)) == (0, {"UpdateItem": 50})
    assert batch(2, NOON + timedelta(hours=1)) == (0, {"UpdateItem": 100})
    assert batch(2, NOON + timedelta(hours=1)) == (0, {"UpdateItem": 50}), "a repeat is tried once, and refused"


def test_distinct_skus_are_one_write_each(price: Price, invoke: Any) -> None:
    prefix = unique("SKU").upper()
    event = kinesis(*[stock(f"{prefix}-{i:03}", 1) for i in range(500)])

    assert price(lambda: all_done(invoke("project_inventory", event))) == (0, {"UpdateItem": 500})


def test_order_steps_are_one_write_per_minute(price: Price, invoke: Any) -> None:
    def step(i: int) -> Mapping[str, Any]:
        return order(at=NOON + timedelta(minutes=i % 3, seconds=i % 60)).message().body

    event = full(step)

    assert price(lambda: all_done(invoke("project_inventory", event))) == (0, {"UpdateItem": 3})


def all_done(answer: Any) -> None:
    assert failures(answer) == []

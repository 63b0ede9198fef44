"""Orders a second that ProcessOrders decides, beside one transaction per message and statements per line.

PYTHONPATH=src:. .venv/bin/python benchmarks/process_orders.py

All run as Lambda would call them, on one real PostgreSQL (loopback, fsync off, as `make run` starts it) and the same
orders; SQS and Kinesis answer at the end of botocore's wire. First nothing takes time but work, which hides what
statements and calls cost that have to travel; then both travel. What they decided must be the same.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from adapters.postgres.database import Server
from adapters.system import uuid7
from benchmarks.peers import OrderProcessor, read_then_write, write_if_enough
from benchmarks.turns import arguments, number, ratios, silence, spread, table, take_turns
from benchmarks.wire import VARIABLES, Wire
from tests.events import Context, sqs
from tests.servers import login, postgres

ENOUGH, REJECTED = 10**6, 0.05
"""Units on hand of each sku; the share of orders that ask for more than that in the middle of their lines."""
DATABASE_AWAY, AWS_AWAY = 0.0005, 0.005
"""Seconds for one statement's way there and back, as within a zone, and for a queue's or a stream's answer."""
AFAR = "0.5 ms to the database, 5 ms to AWS"
Handler = Callable[[dict[str, Any], Any], Any]
OURS, PEER, LEAN = "ours", "peer: read, then write each line", "peer: write each line if enough"


class Shop:
    """The orders that each contestant decides, from the same beginning."""

    def __init__(self, server: Server, orders: int, lines: int, skus: int, batch: int) -> None:
        self.orders = orders
        self.connection = _connect("inventory", server)
        self._said = f"{orders:,} orders of {lines} lines over {skus:,} skus, {batch} a batch"
        self._batch = batch
        chance = random.Random(1)
        at = datetime.now(UTC)
        names = [f"SKU-{i:05}" for i in range(skus)]
        self._stock = [(sku, ENOUGH, at) for sku in names]
        self._orders = sorted((uuid7(), lines, at, at) for _ in range(orders))
        self._lines = [
            (order_id, position, chance.choice(names), quantity)
            for order_id, *_ in self._orders
            for position, quantity in enumerate(_quantities(chance, lines))
        ]
        with _connect("product", server) as catalogue, catalogue.cursor() as cursor:
            cursor.execute("TRUNCATE products")
            with cursor.copy("COPY products FROM STDIN") as copy:
                for sku in names:
                    copy.write_row((sku, sku, "", 100, "GBP", True, at, at))

    def __str__(self) -> str:
        return self._said

    def decide(self, handler: Handler) -> float:
        """Begin anew and let a handler decide everything; return its seconds."""
        self._begin()
        ids = [one[0] for one in self._orders]
        events = [
            sqs(*({"order_id": one} for one in ids[at : at + self._batch])) for at in range(0, len(ids), self._batch)
        ]
        began = time.perf_counter()
        answers = [handler(event, Context()) for event in events]
        took = time.perf_counter() - began
        assert answers == [{"batchItemFailures": []}] * len(events)
        return took

    def outcome(self) -> tuple[list[Any], list[Any]]:
        """Return every order's status and every sku's stock."""
        orders = self.connection.execute("SELECT id, status FROM orders ORDER BY id").fetchall()
        stock = self.connection.execute("SELECT sku, on_hand, allocated FROM product_info ORDER BY sku").fetchall()
        return orders, stock

    def _begin(self) -> None:
        self.connection.execute("TRUNCATE product_info, orders, order_lines, order_events, movements, outbox")
        for columns, rows in {
            "product_info (sku, on_hand, updated_at, allocated, shipped_total, version)": [
                (*row, 0, 0, 1) for row in self._stock
            ],
            "orders (id, line_count, placed_at, updated_at, customer_id, status, currency, total_minor, version)": [
                (*row, "ann", "PLACED", "GBP", 100, 1) for row in self._orders
            ],
            "order_lines (order_id, position, sku, quantity, unit_price_minor)": [(*row, 100) for row in self._lines],
        }.items():
            with self.connection.cursor().copy(f"COPY {columns} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        self.connection.execute("VACUUM ANALYZE product_info, orders, order_lines")


def _connect(name: str, server: Server) -> psycopg.Connection[Any]:
    return psycopg.connect(dbname=name, autocommit=True, **login(server))  # type: ignore[arg-type]


def _quantities(chance: random.Random, lines: int) -> list[int]:
    quantities = [chance.randint(1, 5) for _ in range(lines)]
    if chance.random() < REJECTED:
        quantities[lines // 2] = ENOUGH + 1
    return quantities


def main() -> None:
    """Let all decide the same orders in turn, here and from afar, over many products and few."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument("--orders", type=number, default=1000)
    parser.add_argument("--lines", type=number, default=20, help="lines of each order (%(default)s)")
    parser.add_argument("--skus", type=number, nargs="+", default=[50, 1000], help="different products (50 and 1000)")
    parser.add_argument("--batch", type=number, default=100, help="messages of one invocation (%(default)s)")
    parser.add_argument("--far", type=number, default=200, help="orders that are decided from afar (%(default)s)")
    asked = parser.parse_args()
    os.environ.update(VARIABLES)
    with postgres() as server:
        wire = Wire(secrets={VARIABLES["INVENTORY_SECRET_ARN"]: server})
        with wire.connected():
            for skus in asked.skus:
                compare(
                    Shop(server, asked.orders, asked.lines, skus, asked.batch), wire, asked.rounds, "nothing is far"
                )
            wire.latency = AWS_AWAY
            with database_away(DATABASE_AWAY):
                for skus in asked.skus:
                    compare(Shop(server, asked.far, asked.lines, skus, asked.batch), wire, asked.rounds, AFAR)


@contextmanager
def database_away(seconds: float) -> Iterator[None]:
    """Let every statement of this process travel for so long."""
    wait = psycopg.Connection.wait

    def travel(connection: Any, *arguments: Any, **named: Any) -> Any:
        time.sleep(seconds)
        return wait(connection, *arguments, **named)

    psycopg.Connection.wait = travel  # type: ignore[method-assign]
    yield
    psycopg.Connection.wait = wait  # type: ignore[method-assign]


def compare(shop: Shop, wire: Wire, rounds: int, where: str) -> None:
    """Let each decide all orders in every round; print orders a second, and by how much ours are more."""
    from handlers import process_orders  # noqa: PLC0415 - handlers are imported with their variables set

    queue = VARIABLES["SHIPPING_QUEUE_URL"]
    contestants: dict[str, Handler] = {
        OURS: process_orders.handler,
        PEER: OrderProcessor(shop.connection, queue, read_then_write).handler,
        LEAN: OrderProcessor(shop.connection, queue, write_if_enough).handler,
    }
    outcomes = []

    def turn(handler: Handler) -> float:
        wire.taken.clear()
        with silence():
            took = shop.decide(handler)
        outcomes.append((wire.taken["messages"], shop.outcome()))
        return took

    turns = {name: lambda handler=handler: turn(handler) for name, handler in contestants.items()}
    seconds = take_turns(turns, rounds, f"ProcessOrders, {shop}, {where}")
    assert all(one == outcomes[0] for one in outcomes), "they decided differently"
    confirmed = outcomes[0][0]
    rows = []
    for name, took in seconds.items():
        rate = [shop.orders / one for one in took]
        more = "" if name == OURS else f"{spread(ratios(took, seconds[OURS]), 1)} x"
        rows.append([name, spread(rate), more])
    table(f"ProcessOrders: {shop}, {confirmed} of them confirmed; {where}",
          ["", "orders/s", "ours are more by"], rows)  # fmt: skip


if __name__ == "__main__":
    main()

"""What a million old orders cost: each step of an order's way, beside the same with empty tables.

PYTHONPATH=src:. .venv/bin/python benchmarks/million_orders.py

Two PostgreSQL servers (loopback, fsync off, as `make run` starts them) take turns. One holds old orders of three lines
with their events and the idempotency keys of a day; both do the same new work through the real handlers. AWS answers at
the end of botocore's wire, at once.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import psycopg

from adapters.postgres.database import Server
from adapters.system import uuid7
from benchmarks.turns import arguments, number, ratios, silence, spread, table, take_turns
from benchmarks.wire import VARIABLES, Wire
from tests.events import Context, caller, http, sqs
from tests.servers import login, postgres

Connection = psycopg.Connection[Any]

CUSTOMER, SKUS, LINES, BATCH = "customer-7", 1000, 20, 100
ORDERS, PAGES, LEFT_BEHIND = 100, 100, 500
"""What one turn does: orders placed, decided and shipped; pages listed; messages relayed."""

OLD = """
SET statement_timeout = 0;
SET session_replication_role = replica;  -- nobody checks what was made a line above
INSERT INTO orders (id, customer_id, status, currency, total_minor, line_count, version, placed_at, updated_at)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || 'a' ||
        substr(md5(n::text), 4, 15))::uuid,
       'customer-' || n %% 10000, 'FULFILLED', 'GBP', 300, 3, 3, at, at
FROM generate_series(1, %(orders)s) AS n, to_timestamp(1700000000 + n / 1000.0) AS at;
INSERT INTO order_lines SELECT id, n, 'SKU-' || lpad((n * 331)::text, 5, '0'), 1, 100
FROM orders, generate_series(0, 2) AS n;
INSERT INTO order_events (order_id, version, status, at)
SELECT id, n, (ARRAY['PLACED', 'CONFIRMED', 'FULFILLED'])[n], placed_at FROM orders, generate_series(1, 3) AS n;
INSERT INTO idempotency_keys SELECT 'customer#create_order#' || md5(n::text), md5(n::text), gen_random_uuid(),
       now() + n * interval '1 second' FROM generate_series(3600, 86400) AS n;
SET session_replication_role = origin;
"""
STOCK = """
INSERT INTO product_info (sku, on_hand, allocated, shipped_total, version, updated_at)
SELECT 'SKU-' || lpad(n::text, 5, '0'), 1000000, 0, 0, 1, now() FROM generate_series(0, %(skus)s - 1) AS n
"""
CATALOGUE = """
INSERT INTO products
SELECT 'SKU-' || lpad(n::text, 5, '0'), 'Product', '', 100, 'GBP', true, now(), now()
FROM generate_series(0, %(skus)s - 1) AS n
"""
LATE = """
INSERT INTO outbox (topic, key, body, written_at)
SELECT 'events', 'SKU', '{"type":"stock","sku":"SKU","version":1}', now() - interval '1 minute'
FROM generate_series(1, %(messages)s)
"""


class House:
    """One server, and the handlers' way to it; `took` has the seconds of each step by turn."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.inventory = _connect("inventory", server)
        self.took: Mapping[str, list[float]] = defaultdict(list)
        with _connect("product", server) as catalogue:
            _script(catalogue, CATALOGUE, skus=SKUS)
        _script(self.inventory, STOCK, skus=SKUS)

    def turn(self) -> float:
        """Do every step once; return the seconds of all."""
        self._plug_in()
        first = len(self.took["CreateOrder"]) * ORDERS
        ids = self._time("CreateOrder", lambda: [_create(first + i) for i in range(ORDERS)])
        batches = [sqs(*({"order_id": one} for one in ids[at : at + BATCH])) for at in range(0, ORDERS, BATCH)]
        self._time("ProcessOrders", lambda: [_batch("process_orders", one) for one in batches])
        self._time("UpdateStocks", lambda: [_batch("update_stocks", one) for one in batches])
        self._time("GET /orders", lambda: [_page() for _ in range(PAGES)])
        _script(self.inventory, LATE, messages=LEFT_BEHIND)
        relayed = self._time("RelayOutbox", lambda: _invoke("relay_outbox", {}))
        assert relayed == {"relayed": LEFT_BEHIND, "waiting": 0}
        return sum(steps[-1] for steps in self.took.values())

    def _time(self, step: str, work: Callable[[], Any]) -> Any:
        with silence():
            began = time.perf_counter()
            done = work()
            self.took[step].append(time.perf_counter() - began)
        return done

    def _plug_in(self) -> None:
        """Let the handlers begin anew with this server; what a first use costs is not measured."""
        from handlers.wiring import database as wiring  # noqa: PLC0415 - with its variables set

        os.environ.update(PRODUCT_SECRET_ARN=self.name, INVENTORY_SECRET_ARN=self.name)
        for name in ("inventory", "product"):
            wiring.database(name).close()
        for wired in (wiring.database, wiring.decisions, wiring.products):
            wired.cache_clear()
        wiring.decisions().backlog()
        wiring.products().page(1)


def _create(i: int) -> str:
    lines = [{"sku": f"SKU-{(i * 7 + n * 53) % SKUS:05}", "quantity": 1 + n % 3} for n in range(LINES)]
    headers = {"Idempotency-Key": uuid7()}
    event = http("create_order", {"lines": lines}, by=caller(CUSTOMER), headers=headers)
    answer = _invoke("create_order", event)
    assert answer["statusCode"] == 202, answer  # noqa: PLR2004 - HTTP's "accepted"
    return str(json.loads(answer["body"])["id"])


def _batch(module: str, event: dict[str, Any]) -> None:
    assert _invoke(module, event) == {"batchItemFailures": []}


def _page() -> None:
    answer = _invoke("list_orders", http("list_orders", by=caller(CUSTOMER), query={"limit": "50"}))
    assert len(json.loads(answer["body"])["orders"]) == 50, answer  # noqa: PLR2004 - a whole page


def _invoke(module: str, event: dict[str, Any]) -> Any:
    return import_module(f"handlers.{module}").handler(event, Context())


def _connect(name: str, server: Server) -> Connection:
    return psycopg.connect(dbname=name, autocommit=True, **login(server))  # type: ignore[arg-type]


def _script(connection: Connection, script: str, **values: int) -> None:
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(script, values)


def main() -> None:
    """Let both take turns; print each step's cost with and without the old orders."""
    parser = arguments(__doc__ or "", rounds=15)
    parser.add_argument("--orders", type=number, default=1_000_000, help="old orders (%(default)s)")
    asked = parser.parse_args()
    os.environ.update(VARIABLES)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(postgres()) for name in ("empty", "full")}
        stack.enter_context(Wire(secrets=servers).connected())
        houses = [House(name, server) for name, server in servers.items()]
        empty, full = houses
        began = time.monotonic()
        _script(full.inventory, OLD, orders=asked.orders)
        print(f"{asked.orders:,} old orders were made in {time.monotonic() - began:.0f} s")
        for house in houses:
            house.inventory.execute("VACUUM ANALYZE")
        take_turns({house.name: house.turn for house in houses}, asked.rounds, "a million orders")
        report(empty, full, asked.orders)


def report(empty: House, full: House, orders: int) -> None:
    """Print both; the first turn has warmed up and does not count."""
    each = {
        "CreateOrder": ORDERS,
        "ProcessOrders": ORDERS,
        "UpdateStocks": ORDERS,
        "GET /orders": PAGES,
        "RelayOutbox": 1,
    }
    rows = []
    for step, times in each.items():
        without, with_old = ([one / times * 1000 for one in house.took[step][1:]] for house in (empty, full))
        rows.append([step, spread(without, 2), spread(with_old, 2), f"{spread(ratios(with_old, without), 2)} x"])
    said = f"an order of {LINES} lines in batches of {BATCH}; a page of 50; a relay of {LEFT_BEHIND} messages"
    table(f"{orders:,} old orders ({said})",
          ["", "ms, empty tables", "ms, with old orders", "slower by"], rows)  # fmt: skip


if __name__ == "__main__":
    main()

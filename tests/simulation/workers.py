"""Workers: places in which invocations run, each with its own copy of the handlers' modules and its own connections."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from adapters import system
from adapters.postgres.database import Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.publisher import AwsPublisher
from tests.simulation import ports
from tests.simulation.actors import YieldingConnection
from tests.simulation.ports import Port, SimulatedDatabase, Store
from tests.simulation.variants import Variant
from tests.simulation.world import World

FUNCTIONS = {
    "create_order": 28,
    "cancel_order": 18,
    "receive_stock": 18,
    "adjust_stock": 18,
    "delete_product": 10,
    "update_product": 10,
    "process_orders": 30,
    "update_stocks": 30,
    "project_inventory": 60,
    "relay_outbox": 50,
    "sweep_orders": 300,
    "redrive_dead_letters": 25,
    "purge_dead_letters": 25,
    "reconcile": 300,
}
"""The functions of an order's way, and their timeouts in seconds."""

SLOTS = 4
VARIABLES = {
    "REGION": "eu-west-1",
    "POWERTOOLS_SERVICE_NAME": "tradepost",
    "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
    "TOKENS_VERIFIED_BY": "gateway",
    "IDEMPOTENCY_TABLE": "keys",
    "ORDERS_QUEUE_URL": "orders",
    "SHIPPING_QUEUE_URL": "shipping",
    "ORDERS_DEAD_LETTERS_URL": "dead orders",
    "SHIPPING_DEAD_LETTERS_URL": "dead shipping",
    "PROJECTION_DEAD_LETTERS_URL": "dead projection",
    "STREAM_NAME": "stream",
}


class Worker:
    """One place to run invocations, one at a time."""

    def __init__(self, server: Server, world: Callable[[], World], variant: Variant) -> None:
        self.databases = [SimulatedDatabase(name, lambda: server, "disable") for name in ("product", "inventory")]
        for database in self.databases:
            connection = database.connection()
            assert isinstance(connection, YieldingConnection)
            connection.on_wait = lambda waiting: world().wait_for_lock(waiting)
        products, inventory = self.databases
        self.modules = _modules(
            {
                "database": {
                    "decisions": variant.store(Store(PostgresDecisions(inventory), world)),
                    "products": Port("products", PostgresProducts(products), world, ports.no_database),
                },
                "failures": {"failures": Port("failures", ports.Failures(world), world, ports.out_of_reach)},
                "views": {
                    "stock_view": Port("view", ports.View(world), world, ports.out_of_reach),
                    "order_counts": Port("counts", ports.Counts(world), world, ports.out_of_reach),
                },
            },
            {
                "sqs": Port("sqs", ports.Queues(world), world, ports.out_of_reach),
                "kinesis": Port("kinesis", ports.Stream(world), world, ports.out_of_reach),
            },
            world,
        )
        self.busy = False

    def close(self) -> None:
        """Close the connections."""
        for database in self.databases:
            database.close()


def _modules(
    wired: dict[str, dict[str, Any]], clients: dict[str, Any], world: Callable[[], World]
) -> dict[str, ModuleType]:
    """Import the handlers anew, wired to these adapters."""
    with _as_if_never_imported("handlers"):
        for module, adapters in wired.items():
            wiring = importlib.import_module(f"handlers.wiring.{module}")
            for name, adapter in adapters.items():
                setattr(wiring, name, lambda adapter=adapter: adapter)
        telemetry: Any = importlib.import_module("handlers.telemetry")
        telemetry.count = lambda *_, **__: None
        for module in ("messages", "letters"):
            using: Any = importlib.import_module(f"handlers.wiring.{module}")
            using.client = clients.__getitem__
        messages: Any = importlib.import_module("handlers.wiring.messages")
        messages.AwsPublisher = partial(
            AwsPublisher,
            sleep=lambda seconds: world().sleep(seconds),
            clock=lambda: world().time.timestamp(),  # noqa: PLW0108 - there is no world yet
            uniform=lambda *ends: world().random.uniform(*ends),  # noqa: PLW0108 - as above
        )
        idempotency: Any = importlib.import_module("handlers.http.idempotency")
        idempotency.client = lambda _: None
        idempotency.DynamoDBPersistenceLayer = lambda **_: ports.Keys(world)
        return {name: importlib.import_module(f"handlers.{name}") for name in FUNCTIONS}


@contextmanager
def _as_if_never_imported(package: str) -> Iterator[None]:
    own = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    before = {name: sys.modules.pop(name) for name in own}
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
        sys.modules.update(before)


@contextmanager
def workers(server: Server, world: Callable[[], World], variant: Variant) -> Iterator[Sequence[Worker]]:
    """Lend workers whose clock and ids are the world's."""
    kept = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(VARIABLES)
    now, uuid7 = system.now, system.uuid7
    system.now = lambda: world().now()
    system.uuid7 = lambda: world().new_id()
    logging.disable(logging.CRITICAL)
    made = []
    try:
        made = [Worker(server, world, variant) for _ in range(SLOTS)]
        yield made
    finally:
        for worker in made:
            worker.close()
        logging.disable(logging.NOTSET)
        system.now, system.uuid7 = now, uuid7
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

"""One schedule: everything that happens follows from its seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
from greenlet import greenlet

from adapters.memory.others import MemoryStockView
from adapters.postgres.database import Server
from adapters.postgres.transaction import LEVEL
from domain.orders.sweeping import RESEND_AGE, STUCK_AGE
from tests.events import Context, http, kinesis, sqs
from tests.simulation import customers, invariants
from tests.simulation.actors import Actor, Actors, Died
from tests.simulation.customers import OLD, OLD_UNITS, Operation, Plan
from tests.simulation.faults import Faults, Kind
from tests.simulation.queues import POISON, PROJECTION, TASKS, VISIBILITY
from tests.simulation.variants import AS_IT_IS, Variant
from tests.simulation.workers import FUNCTIONS, Worker, workers
from tests.simulation.world import START, World

FAULTS = 3
"""The fewest faults that must have struck before the disturbed part of a schedule ends."""
DISTURBED, MOST = 250, 20_000
"""Steps of the disturbed part, and the most until everything has come to rest."""
SWEPT = STUCK_AGE - 2 * RESEND_AGE
"""By then an order can be sent again; later ones are left to people."""
LOCK_TIMEOUT = timedelta(seconds=5)
TABLES = "product_info, orders, order_lines, order_events, movements, idempotency_keys, outbox"
NO_TASKS = ['{"order_id": 7}', "no JSON", '{"order_id": "no-such-order"}']
LEAPS = (0.5, 5, 35, 35, 220, 1300)
"""Seconds by which time may move on when somebody waits for it."""


@dataclass(frozen=True)
class Outcome:
    """What a schedule came to: what is wrong, which faults struck, how often a lock was waited for, and every step."""

    seed: int
    violations: Sequence[str]
    faults: Mapping[tuple[str, Kind], int]
    orders: Mapping[str, int]
    waits: int
    trace: Sequence[str]


class Simulation:
    """A PostgreSQL and workers, on which any number of schedules run one after the other."""

    def __init__(self, variant: Variant, monitor: psycopg.Connection[Any], catalogue: psycopg.Connection[Any]) -> None:
        self.variant = variant
        self.monitor = monitor
        self.catalogue = catalogue
        self.world: World
        self.workers: Sequence[Worker] = ()

    def run(self, seed: int) -> Outcome:
        """Run the schedule of a seed to its end."""
        return Schedule(self, seed, self.variant.view()).run()


@contextmanager
def simulation(server: Server, variant: Variant = AS_IT_IS) -> Iterator[Simulation]:
    """Lend a simulation on a migrated PostgreSQL that nobody else uses."""
    login = {"host": server.host, "port": server.port, "user": server.username, "password": server.password}
    with (
        psycopg.connect(dbname="inventory", autocommit=True, **login) as monitor,  # type: ignore[arg-type]
        psycopg.connect(dbname="product", autocommit=True, **login) as catalogue,  # type: ignore[arg-type]
    ):
        made = Simulation(variant, monitor, catalogue)
        with workers(server, lambda: made.world, variant) as made.workers:
            yield made


class Schedule:
    """The run of one seed."""

    def __init__(self, simulation: Simulation, seed: int, view: MemoryStockView) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.simulation = simulation
        self.actors = Actors(simulation.monitor)
        self.world = World(self.random, Faults(self.random), self.actors, view)
        simulation.world = self.world
        self.plan: Plan = customers.plan(self.random, self.world.stream.fulfilled)
        self.number = 0
        self.repaired = False
        self.problems: list[str] = []

    def run(self) -> Outcome:
        """Disturb, let everything come to rest, and look at what is there."""
        self._open()
        try:
            self._disturb()
            self._settle()
        finally:
            self._abandon()
        violations = self.problems + [problem for one in self.plan.all for problem in one.problems]
        if self.actors.deadlock:
            violations.append(self.actors.deadlock)
        else:
            violations += invariants.violations(self.simulation.monitor, self.world, self.plan)
        outcomes = Counter(
            status for (status,) in self.simulation.monitor.execute("SELECT status FROM orders WHERE id <> %s", [OLD])
        )
        return Outcome(self.seed, violations, self.world.faults.fired, outcomes, self.actors.waits, self.world.trace)

    # -- the two parts ---------------------------------------------------------------------

    def _disturb(self) -> None:
        steps = 0
        while not self.actors.deadlock and (steps < DISTURBED or self.world.faults.fired.total() < FAULTS):
            steps += 1
            acts, weights = zip(*self._choices(), strict=True)
            self.random.choices(acts, weights)[0]()

    def _choices(self) -> list[tuple[Callable[[], object], float]]:
        found: list[tuple[Callable[[], object], float]] = [(self._leap, 0.4)]
        found += [(lambda actor=actor: self._step(actor), 4) for actor in self.actors.ready]
        if self._free():
            found += [(lambda one=one: self._send(one), 1 if one.answered else 6) for one in self._sendable()]
            found += [(lambda name=name: self._deliver(name), 5) for name in TASKS if self.world.queues[name].visible]
            if self.world.stream.waiting:
                found.append((self._project, 3))
            found += [(self._relay, 0.7), (self._sweep, 0.4), (self._reconcile, 0.3)]
            for name in (*TASKS, PROJECTION):
                if self.world.queues[f"dead {name}"].visible:
                    found += [(lambda name=name: self._redrive(name), 4), (lambda name=name: self._purge(name), 1)]
        return found

    def _settle(self) -> None:
        """Let everything that was left come to its end, without faults but in any order."""
        self.world.faults.on = False
        steps = 0
        while not self.actors.deadlock:
            steps += 1
            if steps > MOST:
                self.problems.append("the schedule does not come to rest")
                return
            if self.actors.ready:
                self._step(self.random.choice(self.actors.ready))
            elif not self._go_on():
                return

    def _go_on(self) -> bool:
        """Begin what comes next; say whether there was anything."""
        world = self.world
        if self.actors.alive:
            raise AssertionError("all wait for locks, and there is no ring")
        open_operations = [one for one in self.plan.all if not one.answered and one.possible()]
        if open_operations:
            world.time += timedelta(seconds=11)
            self._send(self.random.choice(open_operations))
        elif self._unsent():
            world.time += timedelta(seconds=31)
            self._relay()
        elif busy := [name for name in TASKS if world.queues[name].visible]:
            self._deliver(self.random.choice(busy))
        elif world.stream.waiting:
            self._project()
        elif any(queue.messages for queue in world.tasks.values()):
            world.time += VISIBILITY
        elif dead := [name for name in TASKS if world.queues[f"dead {name}"].named]:
            world.time += VISIBILITY
            swept = world.time - START < SWEPT and self.random.random() < 0.5
            (self._sweep_up if swept else self._redrive)(dead[0])
        elif any(one.lost for one in world.stream.records) and not self.repaired:
            self.repaired = True
            self._reconcile()
        else:
            return False
        return True

    # -- what may happen -------------------------------------------------------------------

    def _step(self, actor: Actor) -> None:
        self.actors.step(actor)
        self.actors.settle()

    def _leap(self) -> None:
        """Let time move on, most often only a little while somebody works."""
        leap = self.random.choice(LEAPS[:1] * 6 + LEAPS if self.actors.alive else LEAPS)
        self.world.time += timedelta(seconds=leap)
        for actor in [one for one in self.actors.alive if one.waits is not None]:
            if actor.waits_since and self.world.time - actor.waits_since > LOCK_TIMEOUT:
                self.actors.give_up_lock(actor)

    def _sendable(self) -> list[Operation]:
        """Return the requests that may be sent: those without an answer, and at times one that has it."""
        return [one for one in self.plan.all if one.running < 2 and one.sent < 6 and one.possible()]

    def _send(self, one: Operation) -> None:
        event = one.request()
        one.sent += 1
        one.running += 1
        number = self.number + 1

        def heard(answer: Any) -> None:
            one.running -= 1
            lost = self.world.faults.on and self.random.random() < 0.1
            if isinstance(answer, Exception):
                self.problems.append(f"{one.name}: the function raised {answer!r}")
            elif answer is None or lost:
                one.miss(self.number)
            else:
                one.hear(answer, number)

        self._invoke(one.module, event, heard, one.name)

    def _deliver(self, name: str) -> None:
        """Hand a batch to a queue's consumer."""
        queue = self.world.queues[name]
        if not (batch := queue.receive()):
            return

        def heard(answer: Any) -> None:
            if isinstance(answer, dict):
                failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
                queue.acknowledge([one for one in batch if one.id not in failed])

        event = sqs(*[one.body for one in batch])
        for record, one in zip(event["Records"], batch, strict=True):
            record["messageId"] = one.id
        self._invoke(TASKS[name], event, heard)

    def _project(self) -> None:
        stream = self.world.stream
        batch = stream.receive()

        def heard(answer: Any) -> None:
            if isinstance(answer, dict):
                failed = [int(one["itemIdentifier"][1:]) for one in answer["batchItemFailures"]]
                stream.acknowledge(batch[: min(failed, default=len(batch))])

        event = kinesis(*[one.data for one in batch])
        for record, one in zip(event["Records"], batch, strict=True):
            record["kinesis"]["partitionKey"] = one.key
        self._invoke("project_inventory", event, heard)

    def _relay(self) -> None:
        self._invoke("relay_outbox", {}, lambda _: None)

    def _sweep(self) -> None:
        self._invoke("sweep_orders", {}, lambda _: None)

    def _reconcile(self) -> None:
        self._invoke("reconcile", {"repair": True, "grace_seconds": 0}, lambda _: None)

    def _redrive(self, name: str) -> None:
        event = http("redrive_dead_letters", {}, by=customers.ADMIN, path={"queue": name})
        self._invoke("redrive_dead_letters", event, lambda _: None)

    def _purge(self, name: str) -> None:
        event = http("purge_dead_letters", {"all": True, "limit": 2}, by=customers.ADMIN, path={"queue": name})
        self._invoke("purge_dead_letters", event, lambda _: None)

    def _sweep_up(self, name: str) -> None:
        """Lose the dead letters: the sweep finds the orders that they named."""
        dead = self.world.queues[f"dead {name}"]
        dead.messages = [one for one in dead.messages if one not in dead.named]
        self.world.time += RESEND_AGE + timedelta(seconds=1)
        self._sweep()

    def _invoke(self, module: str, event: dict[str, Any], heard: Callable[[Any], None], name: str = "") -> None:
        """Begin an invocation; `heard` gets its answer, its error, or None when it died."""
        worker = self._free()[0]
        deadline = self.world.time + timedelta(seconds=FUNCTIONS[module])
        context = Context(function_name=module)
        context.get_remaining_time_in_millis = lambda: int((deadline - self.world.time).total_seconds() * 1000)  # type: ignore[method-assign]

        def run() -> None:
            try:
                answer = worker.modules[module].handler(event, context)
            except Died:
                answer = None
            except Exception as error:  # noqa: BLE001 - what Lambda reports as a function error
                answer = error
            worker.busy = False
            self.world.trace.append(f"{actor.number} {actor.name}: {'died' if actor.died else 'ended'}")
            heard(None if actor.died else answer)

        self.number += 1
        actor = Actor(self.number, name or module, deadline, greenlet(run))
        worker.busy = True
        self.actors.start(actor)

    def _free(self) -> list[Worker]:
        return [worker for worker in self.simulation.workers if not worker.busy]

    # -- before and after ------------------------------------------------------------------

    def _open(self) -> None:
        """Empty the tables, and begin with products, their stock, and at times something that is no message."""
        monitor, catalogue = self.simulation.monitor, self.simulation.catalogue
        skus, units = list(self.plan.stock), list(self.plan.stock.values())
        monitor.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
        monitor.execute(
            f"INSERT INTO product_info ({LEVEL}) SELECT sku, units, 0, 0, 1, %s"
            " FROM unnest(%s::text[], %s::bigint[]) AS opening (sku, units)",
            [START, skus, units],
        )
        monitor.execute(
            "UPDATE product_info SET on_hand = on_hand - %s, shipped_total = %s WHERE sku = %s",
            [OLD_UNITS, OLD_UNITS, self.plan.old],
        )
        monitor.execute(
            "INSERT INTO orders (id, customer_id, status, currency, total_minor, line_count, version, placed_at,"
            " updated_at) VALUES (%s, 'ann', 'FULFILLED', 'GBP', 200, 1, 3, %s, %s)",
            [OLD, START, START],
        )
        monitor.execute("INSERT INTO order_lines VALUES (%s, 0, %s, %s, 100)", [OLD, self.plan.old, OLD_UNITS])
        catalogue.execute("TRUNCATE products")
        catalogue.execute(
            "INSERT INTO products (sku, name, description, price_minor, currency, active, created_at, updated_at)"
            " SELECT sku, sku, '', 100, 'GBP', true, %s, %s FROM unnest(%s::text[]) AS s (sku)",
            [START, START, skus],
        )
        for level in invariants.levels(monitor):
            self.world.stream.put(invariants.record(level), level.sku)
        if self.random.random() < 0.2:
            self.random.choice(list(self.world.tasks.values())).put(self.random.choice(NO_TASKS))
        if self.random.random() < 0.2:
            self.world.stream.put(b"no JSON", POISON)

    def _abandon(self) -> None:
        """End what still runs, so that the next schedule finds the workers free."""
        for actor in list(self.actors.alive):
            if actor.waits is not None:
                self.actors.give_up_lock(actor)
            actor.died = True
            self.actors.current = actor
            with suppress(Died):  # one that has not begun yet
                actor.thread.throw(Died)
            self.actors.current = None
        for worker in self.simulation.workers:
            worker.busy = False

    def _unsent(self) -> int:
        row = self.simulation.monitor.execute("SELECT count(*) FROM outbox").fetchone()
        assert row is not None
        return int(row[0])

"""The world of one schedule: its clock, ids and chance, the queues and the stream, and what happens at each call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from adapters.memory.others import MemoryFailures, MemoryOrderCounts, MemoryStockView
from tests.simulation.actors import Actors, Died, YieldingConnection
from tests.simulation.faults import Faults, Kind
from tests.simulation.queues import PROJECTION, TASKS, Queue, Stream

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=3)
"""How long a caller waits for an answer, as adapters/aws.py says."""
JUMPS = (-90.0, -2.0, 2.0, 90.0)
"""Seconds by which a machine's clock may jump."""

Failure = Callable[[], Exception]


@dataclass
class World:
    """Everything of one schedule but the database."""

    random: Random
    faults: Faults
    actors: Actors
    view: MemoryStockView
    trace: list[str] = field(default_factory=list)
    time: datetime = START

    def __post_init__(self) -> None:
        """Open queues and stream; `tasks` are the queues that are read by functions."""
        dead = {name: Queue(f"dead {name}", self) for name in (*TASKS, PROJECTION)}
        self.tasks = {name: Queue(name, self, dead[name]) for name in TASKS}
        self.queues = {one.name: one for one in [*dead.values(), *self.tasks.values()]}
        self.stream = Stream(self)
        self.keys: dict[str, dict[str, Any]] = {}
        self.counts = MemoryOrderCounts()
        self.failures = MemoryFailures()
        self._ids = 0

    def now(self) -> datetime:
        """Return the time that the clock of the actor's machine shows."""
        actor = self.actors.current
        return self.time + timedelta(seconds=actor.skew if actor else 0)

    def sleep(self, seconds: float) -> None:
        """Let the actor wait, and the others work."""
        self.time += timedelta(seconds=seconds)
        self.actors.give_way()

    def new_id(self) -> str:
        """Return a UUIDv7, the next of this schedule's."""
        self._ids += 1
        milliseconds = int(self.now().timestamp() * 1000)
        return str(UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | self._ids))

    def wait_for_lock(self, connection: YieldingConnection) -> None:
        """Let others go on while a statement waits for a lock."""
        self.actors.wait_for_lock(connection, self.time)

    def call(
        self, name: str, effect: Callable[[], Any], failure: Failure, half: Callable[[], Any] | None = None
    ) -> Any:
        """Make one call of a port: let others run first, and let happen to it what the seed wants."""
        actor = self.actors.current
        if actor is None:
            return effect()
        self._live()
        self.actors.give_way()
        self.time += timedelta(milliseconds=1)
        self._live()
        kind = self.faults.strike(name)
        self.trace.append(f"{actor.number} {actor.name}: {name}{f' !! {kind}' if kind else ''}")
        if kind is None:
            return effect()
        return self._strike(kind, effect, failure, half)

    def _strike(self, kind: Kind, effect: Callable[[], Any], failure: Failure, half: Callable[[], Any] | None) -> Any:
        actor = self.actors.current
        assert actor is not None
        if kind is Kind.CLOCK:
            actor.skew += self.random.choice(JUMPS)
            return effect()
        if kind is Kind.THROTTLE:
            assert half is not None
            return half()
        if kind is Kind.DEATH:
            self._die()
        if kind is Kind.TIMEOUT:
            self.time += PATIENCE
        if kind in (Kind.LOST, Kind.DEATH_AFTER) or (kind is Kind.TIMEOUT and self.random.random() < 0.5):
            effect()
        if kind is Kind.DEATH_AFTER:
            self._die()
        raise failure()

    def _live(self) -> None:
        """End an actor that has died already, or that Lambda kills because its time is over."""
        actor = self.actors.current
        assert actor is not None
        if actor.died or self.time > actor.deadline:
            self._die()

    def _die(self) -> None:
        assert self.actors.current is not None
        self.actors.current.died = True
        raise Died

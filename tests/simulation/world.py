"""The world of one schedule: its clock, ids and chance, the queues and the stream, and what happens at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from adapters.memory.others import MemoryFailures, MemoryOrderCounts, MemoryStockView
from tests.simulation.actors import Actors, Died, YieldingConnection
from tests.simulation.faults import Faults, Kind

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=3)
"""How long a caller waits for an answer, as adapters/aws.py says."""
VISIBILITY = timedelta(seconds=200)
RECEIVES = 5
"""As template.yaml says of both queues."""
JUMPS = (-90.0, -2.0, 2.0, 90.0)
"""Seconds by which a machine's clock may jump."""

TASK = '{"order_id":"'
"""How the body of a message of ours begins."""

POISON = "poison"
"""The key of a stream record that nobody can read."""

Failure = Callable[[], Exception]


@dataclass
class Message:
    """A message in a queue."""

    id: str
    body: str
    visible_at: datetime
    receives: int = 0


class Queue:
    """A queue as SQS promises it: at least once, in no order, with a visibility timeout and a dead-letter queue."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self._world = world
        self._number = 0
        self.messages: list[Message] = []
        self.dead: list[Message] = []

    def put(self, body: str) -> None:
        """Take a message in, which may be late."""
        self._number += 1
        late = self._world.random.choice([0, 0, 0, 0.2, 5, 40])
        visible_at = self._world.time + timedelta(seconds=late)
        self.messages.append(Message(f"{self.name}-{self._number}", body, visible_at))

    @property
    def visible(self) -> list[Message]:
        """The messages that can be received now."""
        return [one for one in self.messages if one.visible_at <= self._world.time]

    def receive(self) -> list[Message]:
        """Hand out a batch of any size, in any order; a message may stay visible, and come to another, too."""
        random = self._world.random
        visible = self.visible
        batch = random.sample(visible, random.randint(1, min(len(visible), 10))) if visible else []
        for one in batch:
            one.receives += 1
            if not self._world.faults.on or random.random() > 0.08:
                one.visible_at = self._world.time + VISIBILITY
        for one in [one for one in batch if one.receives > RECEIVES]:
            batch.remove(one)
            self.messages.remove(one)
            self.dead.append(one)
        return batch

    def acknowledge(self, done: Sequence[Message]) -> None:
        """Forget messages; the word of it may get lost."""
        for one in done:
            lost = self._world.faults.on and self._world.random.random() < 0.06
            if one in self.messages and not lost:
                self.messages.remove(one)

    @property
    def tasks(self) -> list[Message]:
        """The dead letters that name an order, as ours do."""
        return [one for one in self.dead if one.body.startswith(TASK)]


@dataclass
class Record:
    """A record of the stream."""

    data: bytes
    key: str
    done: bool = False
    attempts: int = 0


class Stream:
    """A stream that is worse than Kinesis: it repeats records and hands them out in any order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.records: list[Record] = []
        self.fulfilled: list[str] = []
        self.dead: list[Record] = []

    def put(self, data: bytes, key: str) -> None:
        """Take a record in."""
        self.records.append(Record(data, key))
        if b'"FULFILLED"' in data:
            self.fulfilled.append(key)

    @property
    def waiting(self) -> list[Record]:
        """The records that no reader has acknowledged."""
        return [one for one in self.records if not one.done]

    def receive(self) -> list[Record]:
        """Hand out some records that wait, and some that do not."""
        random, waiting = self._world.random, self.waiting
        batch = random.sample(waiting, random.randint(1, len(waiting))) if waiting else []
        if self._world.faults.on and len(self.records) > 3:
            batch += [one for one in random.sample(self.records, random.randint(0, 3)) if one not in batch]
        if random.random() < 0.5:
            batch.sort(key=self.records.index)
        for one in batch:
            one.attempts += 1
        return batch

    def acknowledge(self, done: Sequence[Record]) -> None:
        """Move on; the checkpoint may get lost."""
        if not self._world.faults.on or self._world.random.random() > 0.06:
            for one in done:
                one.done = True


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
        """Open queues and stream."""
        self.queues = {name: Queue(name, self) for name in ("orders", "shipping", "letters")}
        self.task_queues = [self.queues["orders"], self.queues["shipping"]]
        self.stream = Stream(self)
        self.keys: dict[str, dict[str, Any]] = {}
        self.counts = MemoryOrderCounts()
        self.failures = MemoryFailures()
        self._ids = 0

    def now(self) -> datetime:
        """Return the time that the clock of the actor's machine shows."""
        actor = self.actors.current
        return self.time + timedelta(seconds=actor.skew if actor else 0)

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

"""Actors: invocations that run one at a time, and give way to each other before every call of a port.

Each is a greenlet. Which one goes on is the scheduler's choice alone, so a run is the same every time. Waiting for
a lock in PostgreSQL gives way, too: the others go on, and the one that waits is let on when the lock is free.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import psycopg
from greenlet import getcurrent, greenlet

SOON = 0.003
"""Seconds within which a statement is done, or it is asked whether it waits for a lock."""
READABLE, WRITABLE = 1, 2


class Died(BaseException):
    """The process of an invocation ended here: nothing of it runs any more."""


@dataclass(eq=False)
class Actor:
    """One invocation: its number in the schedule, what it runs, by when it is killed, how wrong its clock is."""

    number: int
    name: str
    deadline: datetime
    thread: greenlet = field(repr=False)
    skew: float = 0.0
    died: bool = False
    waits: YieldingConnection | None = None
    """The connection whose statement waits for a lock."""
    waits_since: datetime | None = None


class Actors:
    """All invocations that are under way."""

    def __init__(self, monitor: psycopg.Connection[Any]) -> None:
        self._monitor = monitor
        self._main = getcurrent()
        self.alive: list[Actor] = []
        self.current: Actor | None = None
        self.waits = 0
        self.deadlock = ""
        """What waits for each other, once transactions wait in a ring."""

    def start(self, actor: Actor) -> None:
        """Take an actor in; it begins at its first step."""
        actor.thread.parent = self._main
        self.alive.append(actor)

    @property
    def ready(self) -> list[Actor]:
        """Those that wait for no lock."""
        return [actor for actor in self.alive if actor.waits is None]

    def step(self, actor: Actor) -> None:
        """Let an actor go on until it gives way or ends."""
        self.current = actor
        actor.thread.switch()
        self.current = None
        if actor.thread.dead:
            self.alive.remove(actor)

    def give_way(self) -> None:
        """Let others run before the actor that runs now goes on."""
        if self.current is not None:
            self._main.switch()

    def wait_for_lock(self, connection: YieldingConnection, now: datetime) -> None:
        """Give way while a statement waits for a lock; note it when that closes a ring."""
        actor = self.current
        if actor is None or not self._blockers(connection):
            return
        actor.waits, actor.waits_since = connection, now
        self.waits += 1
        self._check_rings()
        self._main.switch()

    def settle(self) -> None:
        """Find out which of those that waited for a lock have got it."""
        for actor in [one for one in self.alive if one.waits is not None]:
            connection = actor.waits
            assert connection is not None
            while not connection.answered(SOON / 6):
                if self._blockers(connection):
                    break
            else:
                actor.waits = actor.waits_since = None

    def give_up_lock(self, actor: Actor) -> None:
        """Let the server end the statement that waits, as its lock_timeout does."""
        assert actor.waits is not None
        actor.waits.cancel()
        while not actor.waits.answered(SOON):
            pass
        actor.waits = actor.waits_since = None

    def _blockers(self, connection: YieldingConnection) -> list[int]:
        row = self._monitor.execute("SELECT pg_blocking_pids(%s)", [connection.info.backend_pid]).fetchone()
        return list(row[0]) if row else []

    def _check_rings(self) -> None:
        waiting = {one.waits.info.backend_pid: one for one in self.alive if one.waits is not None}
        blockers = {pid: set(self._blockers(one.waits)) for pid, one in waiting.items() if one.waits is not None}
        free = set()
        while found := {pid for pid in blockers if pid not in free and not (blockers[pid] & blockers.keys()) - free}:
            free |= found
        if ring := [waiting[pid].name for pid in blockers if pid not in free]:
            self.deadlock = f"deadlock: {', '.join(sorted(ring))} wait for each other's locks"


class YieldingConnection(psycopg.Connection[Any]):
    """A connection to PostgreSQL on which waiting for a lock gives way to other actors."""

    on_wait: Callable[[YieldingConnection], None] | None = None

    @classmethod
    def open(cls, **parameters: Any) -> Self:
        """Connect."""
        return cls.connect(autocommit=True, prepare_threshold=None, **parameters)

    def answered(self, seconds: float) -> bool:
        """Say whether the server has answered, or does so within some seconds."""
        return bool(select.select([self.pgconn.socket], [], [], seconds)[0])

    def wait(self, gen: Any, interval: float = 0.0, timeout: float | None = None) -> Any:
        """Drive one of psycopg's generators to its end."""
        socket = [self.pgconn.socket]
        try:
            wants = next(gen)
            while True:
                reads, writes, _ = select.select(
                    socket if wants & READABLE else [], socket if wants & WRITABLE else [], [], SOON
                )
                if reads or writes:
                    wants = gen.send((READABLE if reads else 0) | (WRITABLE if writes else 0))
                elif self.on_wait is not None:
                    self.on_wait(self)
        except StopIteration as end:
            return end.value

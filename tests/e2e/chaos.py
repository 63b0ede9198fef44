"""Sudden death of parts of a running stack, in places that come from a seed."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle, islice
from typing import NamedTuple

import psutil
import psycopg

from tests.e2e.running import Up, eventually
from tests.e2e.shop import Shop

WORKER, POSTGRESQL, STREAM, QUEUES = "worker", "postgresql", "stream's poller", "queues' pollers"
QUEUES_NUMBER = 2
TAKES_OVER = "another takes over"
ON_THE_WAY = {"authorizer", "create_order", "process_orders", "update_stocks", "project_inventory", "relay_outbox"}
"""The handlers of an order's way; workers of others are idle by then."""
KINDS = (WORKER, POSTGRESQL, STREAM, QUEUES, WORKER)


class Kill(NamedTuple):
    """What dies, and after how many orders."""

    kind: str
    place: int


def planned(kills: int, orders: int, chance: random.Random) -> list[Kill]:
    """Return that many kills in random places; even few of them are of all kinds."""
    kinds = list(islice(cycle(KINDS), kills))
    chance.shuffle(kinds)
    return [Kill(*one) for one in zip(kinds, sorted(chance.choices(range(orders), k=kills)), strict=True)]


class Killer:
    """Kills parts of one stack; `killed` counts them, workers by their function."""

    def __init__(self, up: Up, shop: Shop, chance: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._up = up
        self._shop = shop
        self._chance = chance
        self._process = psutil.Process(shop.info.pid)

    def kill(self, plan: list[Kill], over: Callable[[], bool]) -> None:
        """Kill as planned while orders are placed, at the latest when that is over; wait until all are back."""
        before = self._orders()
        for kind, place in plan:
            eventually(lambda place=place: self._orders() - before >= place or over(), 300)
            KILLS[kind](self)
        eventually(lambda: self.all_are_back)

    @property
    def all_are_back(self) -> bool:
        """Whether the stack has said of everything but workers that it is at work again."""
        pollers = self.killed[STREAM] + QUEUES_NUMBER * self.killed[QUEUES]
        said = self._up.said
        return said.count("postgresql is back") == self.killed[POSTGRESQL] and said.count(TAKES_OVER) == pollers

    def worker(self) -> None:
        """Kill a worker of any function on an order's way that has one."""
        eventually(self._kill_a_worker)

    def postgresql(self) -> None:
        """Kill PostgreSQL's first process, on which all others depend."""
        eventually(lambda: self.all_are_back)
        (server,) = (one for one, _ in self._children() if one.name() == "postgres")
        server.kill()
        self.killed[POSTGRESQL] += 1

    def stream(self) -> None:
        """Kill the poller of the stream, as far as a task can be killed."""
        eventually(lambda: self.all_are_back)
        self._process.send_signal(signal.SIGUSR1)
        self.killed[STREAM] += 1

    def queues(self) -> None:
        """Kill the pollers of both queues."""
        eventually(lambda: self.all_are_back)
        self._process.send_signal(signal.SIGUSR2)
        self.killed[QUEUES] += 1

    def _kill_a_worker(self) -> bool:
        """Kill a worker of some function; False when there is none, or when it ended by itself just now."""
        workers = list(self._workers())
        if not workers:
            return False
        function = self._chance.choice(sorted({name for name, _ in workers}))
        _, process = self._chance.choice([one for one in workers if one[0] == function])
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return False
        self.killed[f"{WORKER} of {function}"] += 1
        return True

    def _workers(self) -> Iterator[tuple[str, psutil.Process]]:
        for one, words in self._children():
            _, _, handler = words[-1].partition("handlers.")
            if (name := handler.removesuffix(".handler")) in ON_THE_WAY:
                yield name, one

    def _children(self) -> Iterator[tuple[psutil.Process, list[str]]]:
        """Yield the living child processes and their command lines."""
        for one in self._process.children():
            with suppress(psutil.NoSuchProcess):
                if words := one.cmdline():
                    yield one, words

    def _orders(self) -> int:
        """Return how many orders there are; while PostgreSQL is away, none are placed."""
        while True:
            try:
                ((count,),) = self._shop.query("SELECT count(*) FROM orders")
            except psycopg.OperationalError:
                continue
            return int(count)


KILLS: dict[str, Callable[[Killer], None]] = {
    WORKER: Killer.worker,
    POSTGRESQL: Killer.postgresql,
    STREAM: Killer.stream,
    QUEUES: Killer.queues,
}

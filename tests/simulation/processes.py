"""Running schedules in several processes."""

from __future__ import annotations

import multiprocessing as mp
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from tests.servers import postgres
from tests.simulation.schedule import Outcome, simulation

BATCH = 20
"""Schedules that a process does before it reports."""


def outcomes(seeds: range, jobs: int) -> Iterator[list[Outcome]]:
    """Run schedules in several processes; yield what they came to, batch by batch, in the order of the seeds."""
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    waiting, done = list(enumerate(batches)), {}
    with _children(min(jobs, len(batches))) as idle:
        busy: dict[Connection, int] = {}
        for number in range(len(batches)):
            while number not in done:
                while idle and waiting:
                    child, (given, batch) = idle.pop(), waiting.pop(0)
                    child.send(batch)
                    busy[child] = given
                for child in wait(list(busy)):
                    assert isinstance(child, Connection)
                    done[busy.pop(child)] = child.recv()
                    idle.append(child)
            yield done.pop(number)


@contextmanager
def _children(number: int) -> Iterator[list[Connection]]:
    """Lend the ends of pipes to processes that run seeds; they end when their pipe is closed."""
    context = mp.get_context("spawn")
    ends, processes = [], []
    for _ in range(number):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there,))
        process.start()
        there.close()
        ends.append(here)
        processes.append(process)
    try:
        yield list(ends)
    finally:
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def _work(pipe: Connection) -> None:
    """Run the seeds that come through a pipe, away from the terminal's Ctrl-C, which is the parent's to hear."""
    os.setsid()
    with postgres() as server, simulation(server) as one, suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send([replace(one.run(seed), trace=()) for seed in pipe.recv()])

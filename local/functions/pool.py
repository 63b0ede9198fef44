"""The workers of one function, as many as its load needs."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions.runtime import Call
from local.functions.worker import LogSink, Worker
from local.model import Function

INIT_LIMIT = 10.0
"""Seconds to load a handler; AWS page "Understanding the Lambda execution environment lifecycle"."""


class Stopped(RuntimeError):
    """The functions were stopped before the invocation began."""


@dataclass(frozen=True)
class Surroundings:
    """The whole environment of a worker that starts, good for invocations begun before `until`, epoch seconds."""

    environment: Mapping[str, str]
    until: float


class Code:
    """Tells whether code has changed; one scan serves all that ask in one turn of the event loop."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}

    def fingerprint(self, folder: Path) -> int:
        """Return a number that is another one when a Python file under `folder` was added, changed or removed."""
        if not self._seen:
            asyncio.get_running_loop().call_soon(self._seen.clear)
        if folder not in self._seen:
            self._seen[folder] = hash(frozenset(_sources(folder)))
        return self._seen[folder]


def _sources(folder: Path | str) -> Iterator[tuple[str, int, int]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                found = entry.stat()
                yield entry.path, found.st_mtime_ns, found.st_size
            elif not entry.name.startswith((".", "__pycache__")) and entry.is_dir(follow_symlinks=False):
                yield from _sources(entry.path)


@dataclass(frozen=True)
class Shared:
    """What the pools have in common; `limit` is the most workers of one function."""

    log: LogSink
    limit: int
    idle_seconds: float
    code: Code = field(default_factory=Code)
    # More interpreters starting at once than the machine can carry would all miss the init limit.
    starts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(max(4, os.cpu_count() or 4)))


@dataclass
class _Lease:
    """How long a worker may be used: while the code has this fingerprint, and `until` this epoch second."""

    code: int
    until: float = math.inf


class Pool:
    """The workers of one function: more of them while all are busy, up to a limit; then calls wait in line.

    `surroundings` is awaited for each worker that starts.
    """

    def __init__(
        self, function: Function, arn: str, surroundings: Callable[[], Awaitable[Surroundings]], shared: Shared
    ) -> None:
        self._function, self._arn = function, arn
        self._surroundings, self._shared = surroundings, shared
        self._code = 0
        self._open = True
        self._waiting: deque[Call] = deque()
        self._leases: dict[Worker, _Lease] = {}
        self._starting: set[Worker] = set()
        self._idle: dict[Worker, asyncio.Future[Call | None]] = {}  # the most recently used is the last
        self._lives: dict[asyncio.Task[None], Worker] = {}
        self._counts = {"invocations": 0, "errors": 0, "timeouts": 0}

    def submit(self, call: Call) -> None:
        """Take `call`; its answer comes some time. Workers that run older code get no more of them."""
        if not self._open:
            raise Stopped("the functions have been stopped")
        code = self._shared.code.fingerprint(self._function.code)
        if code != self._code:
            self._code = code
            self._dismiss(*self._idle)
        self._waiting.append(call)
        self._match()

    def warm(self) -> None:
        """Start a worker ahead of the first call, if there is none."""
        if self._open and not self._leases:
            self._code = self._shared.code.fingerprint(self._function.code)
            self._add()

    def rest(self) -> None:
        """Let all idle workers go."""
        self._dismiss(*self._idle)

    def status(self) -> dict[str, Any]:
        """Return the numbers of `Functions.status`."""
        return {
            "workers": len(self._leases),
            "busy": len(self._leases) - len(self._idle) - len(self._starting),
            "waiting": len(self._waiting),
            **self._counts,
            "pids": [worker.pid for worker in self._leases if worker.pid],
        }

    async def stop(self) -> None:
        """End every worker; calls under way are answered as failed, waiting ones raise Stopped."""
        self._open = False
        while self._waiting:
            self._refuse(None, Stopped("the functions have been stopped"))
        self._dismiss(*self._idle)
        for life, worker in self._lives.items():
            if worker.pid:
                worker.terminate()
            else:
                life.cancel()
        if self._lives:
            await asyncio.wait(set(self._lives))

    def _match(self) -> None:
        """Give waiting calls to idle workers, and start the workers that are missing."""
        while self._waiting and self._idle:
            worker, ticket = self._idle.popitem()
            ticket.set_result(self._waiting.popleft() if self._is_fit(worker) else None)
        while len(self._waiting) > len(self._starting) and len(self._leases) < self._shared.limit:
            self._add()

    def _is_fit(self, worker: Worker) -> bool:
        """Whether `worker` may take a call. Its first it takes in any state: nothing fresher can be had."""
        lease = self._leases[worker]
        usable = worker.failure is None and lease.until > time.time()
        return self._open and lease.code == self._code and (usable or not worker.served)

    def _dismiss(self, *workers: Worker) -> None:
        """Let idle workers go."""
        for worker in workers:
            if ticket := self._idle.pop(worker, None):
                ticket.set_result(None)

    def _add(self) -> None:
        worker = Worker(self._function, self._arn, self._shared.log)
        self._leases[worker] = _Lease(self._code)
        self._starting.add(worker)
        life = asyncio.get_running_loop().create_task(self._live(worker))
        self._lives[life] = worker
        life.add_done_callback(self._lives.pop)

    async def _live(self, worker: Worker) -> None:
        """Run a worker from its start to its end; what keeps it from working goes to a caller."""
        call: Call | None = None
        try:
            await self._start(worker)
            while call := await self._next(worker):
                await self._run(worker, call)
        except Exception as error:  # noqa: BLE001 - the role's service and the system raise what they like
            self._refuse(call, error)
        except asyncio.CancelledError:
            self._open = False  # by `stop`, or the event loop ends: nothing more may start
            raise
        finally:
            self._starting.discard(worker)
            del self._leases[worker]
            self._match()
            await worker.stop()

    async def _start(self, worker: Worker) -> None:
        async with self._shared.starts:
            surroundings = await self._surroundings()
            self._leases[worker].until = surroundings.until
            await worker.start(surroundings.environment, INIT_LIMIT, lambda: self._dismiss(worker))
        self._starting.discard(worker)

    async def _next(self, worker: Worker) -> Call | None:
        """Return the worker's next call, None when it has to go."""
        if not self._is_fit(worker):
            return None
        if self._waiting or worker.failure:
            return self._waiting.popleft() if self._waiting else None
        loop = asyncio.get_running_loop()
        ticket: asyncio.Future[Call | None] = loop.create_future()
        self._idle[worker] = ticket
        timer = loop.call_later(self._shared.idle_seconds, self._dismiss, worker)
        try:
            return await ticket
        finally:
            timer.cancel()
            self._idle.pop(worker, None)

    async def _run(self, worker: Worker, call: Call) -> None:
        if not await worker.invoke(call):
            self._return(call)
            return
        self._counts["invocations"] += 1
        self._counts["errors"] += call.answer.result().error is not None
        self._counts["timeouts"] += bool(worker.failure and worker.failure.timed_out)

    def _return(self, call: Call) -> None:
        """Put back what has not begun, so that another worker takes it."""
        if self._open:
            self._waiting.appendleft(call)
        else:
            self._refuse(call, Stopped("the functions have been stopped"))

    def _refuse(self, call: Call | None, error: Exception) -> None:
        if call is None and self._waiting:
            call = self._waiting.popleft()
        if call and not call.answer.done():
            call.answer.set_exception(error)

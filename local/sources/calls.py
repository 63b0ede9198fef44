"""How a source talks to AWS and stops: boto3 on threads of its own, capped backoff, a short grace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from local.sources.answers import Tally

P = ParamSpec("P")
T = TypeVar("T")

AWS_ERRORS = (BotoCoreError, ClientError)
"""What a boto3 call raises when AWS refuses, cannot be reached, or answers nonsense."""

GRACE = 1.5
"""Seconds that whatever is under way gets to finish once a source is cancelled; more than a long poll takes."""

MAX_DOUBLINGS = 16  # beyond every cap; keeps the power small


def backoff(tries: int, *, base: float = 0.1, cap: float = 5.0) -> float:
    """Return the seconds to wait after `tries` earlier waits: exponential, capped, full jitter.

    Source: Amazon Builders' Library, "Timeouts, retries, and backoff with jitter".
    """
    return random.uniform(0, min(cap, base * 2 ** min(tries, MAX_DOUBLINGS)))  # noqa: S311 - jitter is no secret


def error_code(error: Exception) -> str:
    """Return AWS's code for a refused call ("ResourceNotFoundException"), "" for any other error."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


class Calls:
    """Runs blocking boto3 calls; size `threads` so that a long poll never keeps other calls waiting."""

    def __init__(self, name: str, *, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._under_way: set[Future[Any]] = set()

    async def __call__(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the method returns; a cancelled call still runs to its end, unheard."""
        call = self._executor.submit(partial(method, *args, **kwargs))
        self._under_way.add(call)
        call.add_done_callback(self._under_way.discard)
        return await asyncio.wrap_future(call)

    async def close(self) -> None:
        """Take no more calls, and wait a grace for those under way so that the client can be closed."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(wait, tuple(self._under_way), GRACE)

    def drop(self) -> None:
        """Take no more calls, and wait for none."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Outage:
    """A source's trouble with AWS: said once when it begins and once when all of its parts work again."""

    def __init__(self, source: str, say: Callable[[str], None], tally: Tally) -> None:
        self._source = source
        self._say = say
        self._tally = tally
        self._tries: dict[str, int] = {}

    async def wait(self, part: str, error: Exception) -> None:
        """Remark the outage when it is new, and wait before `part` tries again."""
        self._tally.last_error = f"{part}: {error}"
        if not self._tries:
            self._say(f"{self._source}: {self._tally.last_error}; trying until it works")
        tries = self._tries.get(part, 0)
        self._tries[part] = tries + 1
        await asyncio.sleep(backoff(tries))

    def over(self, part: str) -> None:
        """Note that `part` works."""
        if self._tries.pop(part, None) and not self._tries:
            self._say(f"{self._source}: works again")


class InFlight:
    """Tasks that a cancelled source lets finish within the grace."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start `work` and keep track of it until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait a grace for every task, then cancel what is left."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=GRACE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def drop(self) -> None:
        """Cancel every task at once."""
        for task in self._tasks:
            task.cancel()

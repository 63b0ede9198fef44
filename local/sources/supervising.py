"""Pollers that come back: one that dies is replaced, as the service does whose hosts die.

The pollers are tasks, not processes. To kill one takes everything from it that a process loses with its life: what it
was receiving, what waits for its batch, whether an invocation under way succeeds. Its successor has what the service
keeps elsewhere: a stream's checkpoints and the queue itself, which shows undeleted messages again in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

PAUSE = 0.5
"""Seconds without a poller."""


class Poller(Protocol):
    """An event source that can be killed."""

    name: str

    async def run(self) -> None:
        """Work until cancelled or killed."""

    def kill(self) -> None:
        """Forget everything at once; nothing under way is finished, given back or acknowledged."""


P = TypeVar("P", bound=Poller)


class Supervised(Generic[P]):
    """Runs the pollers of one source, one after another; `poller` is the latest."""

    def __init__(self, make: Callable[[], P], say: Callable[[str], None]) -> None:
        self.poller = make()
        self._make = make
        self._say = say
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep a poller at work until cancelled."""
        while True:
            self._task = asyncio.create_task(self.poller.run())
            try:
                await asyncio.wait([self._task])
            finally:
                self._task.cancel()
                await asyncio.wait([self._task])
            self.poller.kill()
            await asyncio.sleep(PAUSE)
            self.poller = self._make()
            self._say(f"{self.poller.name}: the poller died ({_why(self._task)}); another takes over")

    def kill(self) -> None:
        """Kill the poller that is at work."""
        if self._task is not None:
            self.poller.kill()
            self._task.cancel()


def _why(ended: asyncio.Task[None]) -> str:
    if ended.cancelled():
        return "killed"
    return repr(ended.exception())

"""A stand-in for the functions that sources invoke."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from local.model import Invocation
from tests.local.fake_aws import contents

FAILED = Invocation(b'{"errorMessage": "boom", "errorType": "ValueError"}', "Unhandled")


class FakeFunction:
    """Records the events that it is invoked with and those that it finished.

    `answer(event)` gives an Invocation or a JSON value; `seconds` is how long it takes, `delay(event)` likewise.
    """

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.times: list[float] = []
        self.answer: Callable[[Any], Any] = lambda _event: None
        self.seconds = 0.0
        self.delay: Callable[[Any], float] = lambda _event: self.seconds
        self.running = 0
        self.most_running = 0
        self.finished: list[Any] = []

    @property
    def batches(self) -> list[list[str]]:
        """What the records of each event carried."""
        return [contents(event) for event in self.events]

    @property
    def seen(self) -> list[str]:
        """What all records carried."""
        return [content for batch in self.batches for content in batch]

    async def __call__(self, _name: str, event: Any) -> Invocation:
        self.events.append(event)
        self.times.append(time.monotonic())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay(event))
        finally:
            self.running -= 1
        self.finished.append(event)
        answer = self.answer(event)
        return answer if isinstance(answer, Invocation) else Invocation(json.dumps(answer).encode())


def done(source: Any, function: FakeFunction, count: int) -> Callable[[], bool]:
    """Return a condition: `count` records were handed to the function, and the stream poller is idle."""
    return lambda: len(function.seen) >= count and source.idle

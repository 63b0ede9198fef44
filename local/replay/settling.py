"""Waiting until nothing is under way in the stack, or nothing moves any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INTERVAL = 0.25
"""Seconds between looks; the stream's reader looks for new records as often."""
LOOKS = 3
"""So many looks in a row must find the stack settled: a record may be written between two reads of the stream."""
PATIENCE = 60.0
"""Seconds in which something must move."""
RETRY_PATIENCE = 240.0
"""The same while messages are in flight or in the outbox: a lost worker's come back after 200 s, a relay takes 90 s."""
DELAY_PATIENCE = 960.0
"""The same while messages are delayed: SQS delays for at most 900 s."""

Status = Mapping[str, Any]


@dataclass(frozen=True)
class Settled:
    """When (time.monotonic) the stack came to rest; `hanging` says what does not move any more."""

    at: float
    dead_letters: Mapping[str, int]
    hanging: Sequence[str]


async def settle(
    read: Callable[[], Awaitable[Status]],
    *,
    show: Callable[[str], None],
    interval: float = INTERVAL,
    patience: Callable[[Status], float] | None = None,
) -> Settled:
    """Wait for the stack whose status `read` returns; `show` is told what is waited for."""
    waits = patience or _patience
    seen, moved, settled_at, looks = None, time.monotonic(), 0.0, 0
    while True:
        status, now = await read(), time.monotonic()
        looks = looks + 1 if status["settled"] else 0
        if looks == 1:
            settled_at = now
        if looks == LOOKS:
            return Settled(settled_at, status["dead_letters"], [])
        if (parts := _moving_parts(status)) != seen:
            seen, moved = parts, now
        elif not looks and now - moved > waits(status):
            return Settled(now, status["dead_letters"], waiting(status))
        show(", ".join(waiting(status)))
        await asyncio.sleep(interval)


def waiting(status: Status) -> Sequence[str]:
    """Return what is under way, in words."""
    queues = [
        f"{name}: {depth['visible']} waiting, {depth['in_flight']} in flight, {depth['delayed']} delayed"
        for name, depth in status["queues"].items()
        if any(depth.values())
    ]
    outbox = [f"outbox: {status['outbox']} messages"] if status["outbox"] else []
    stream = [] if status["streams_idle"] else ["stream: not read to its end"]
    return [*queues, *outbox, *stream]


def _moving_parts(status: Status) -> tuple[Any, ...]:
    return tuple(status.get(part) for part in ("queues", "dead_letters", "outbox", "streams_idle", "sources"))


def _patience(status: Status) -> float:
    depths = status["queues"].values()
    if any(depth["delayed"] for depth in depths):
        return DELAY_PATIENCE
    if status["outbox"] or any(depth["in_flight"] for depth in depths):
        return RETRY_PATIENCE
    return PATIENCE

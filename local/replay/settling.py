"""Waiting until nothing is under way in the stack, or nothing moves any more.

A message that fails and comes again does not move: it must leave its queue.
"""

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
QUIET = 10.0
"""Seconds without a movement after which people are told why that may be."""
PATIENCE = 60.0
"""Seconds in which something must move."""
RETRY_PATIENCE = 240.0
"""The same while messages are in queues or in the outbox: a lost worker's come back after 200 s, a relay takes 90 s."""
DELAY_PATIENCE = 960.0
"""The same while messages are delayed: SQS delays for at most 900 s."""

Status = Mapping[str, Any]


@dataclass(frozen=True)
class Settled:
    """When (time.monotonic) the stack came to rest; `hanging` does not move any more, `why` says what may hold it."""

    at: float
    dead_letters: Mapping[str, int]
    hanging: Sequence[str]
    why: str = ""


async def settle(
    read: Callable[[], Awaitable[Status]],
    *,
    show: Callable[[str, str], None],
    interval: float = INTERVAL,
    wait: float | None = None,
) -> Settled:
    """Wait for the stack whose status `read` returns.

    `show` is told what is waited for and, when nothing has moved for a while, why that may be. After `wait` seconds
    without a movement it ends; None is as long as a retry, the relay or a delay may take.
    """
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
        most = _patience(status) if wait is None else wait
        if not looks and now - moved > most:
            return Settled(now, status["dead_letters"], waiting(status), causes(status))
        quiet = now - moved > QUIET
        show(", ".join(waiting(status)), f"{causes(status)}; at most {most:g} s without a movement" if quiet else "")
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


def causes(status: Status) -> str:
    """Return what may hold the stack up, in one line: the failures and the dead letters so far, and where to look."""
    failed = dict.fromkeys(" ".join(one["last_error"].split()) for one in status.get("sources", ()) if one["failures"])
    dead = sum(status["dead_letters"].values())
    return "; ".join(
        [
            *(
                f"a function failed ({error}): what fails is tried again, in the end it is a dead letter"
                for error in failed
            ),
            *([f"dead letters: {dead}"] if dead else []),
            "see `tradepost logs` and `tradepost dead-letters list`",
        ]
    )


def _moving_parts(status: Status) -> tuple[Any, ...]:
    queues = [(depth["visible"] + depth["in_flight"], depth["delayed"]) for depth in status["queues"].values()]
    behind = [one.get("behind") for one in status.get("sources", ())]
    return queues, behind, status["dead_letters"], status["outbox"], status["streams_idle"]


def _patience(status: Status) -> float:
    depths = status["queues"].values()
    if any(depth["delayed"] for depth in depths):
        return DELAY_PATIENCE
    if status["outbox"] or any(any(depth.values()) for depth in depths):
        return RETRY_PATIENCE
    return PATIENCE

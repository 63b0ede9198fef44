"""Schedules: EventBridge Scheduler firing a function, which Lambda then invokes asynchronously."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.model import Invocation, Invoke, Schedule
from local.sources.answers import Tally, call_function, reason
from local.sources.calls import Calls, InFlight, Outage
from local.sources.destinations import QueueDestination

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FIRST_RETRY = 1.0  # seconds, then double; Lambda waits one minute and then two


class Scheduler:
    """Fires every `schedule.every` seconds, the first time after that long.

    Each firing is an asynchronous invocation (AWS Lambda, "How Lambda handles errors and retries with
    asynchronous invocation"): its answer is ignored, and an error is tried again `schedule.retries` times,
    after 1 s, 2 s, 4 s ..., and then told to its on-failure destination. Firings run one after another; while
    one runs at most one waits, and those that come on top of it are left out.
    """

    def __init__(self, schedule: Schedule, *, sqs: SQSClient, invoke: Invoke, say: Callable[[str], None]) -> None:
        self._schedule = schedule
        self._invoke = invoke
        self._say = say
        self._waiting: asyncio.Queue[None] = asyncio.Queue(maxsize=1)
        self._in_flight = InFlight()
        self._tally = Tally()
        name = f"schedule -> {schedule.function}"
        self._calls = Calls(name, threads=1)
        self._destination = schedule.on_failure_arn and QueueDestination(
            schedule.on_failure_arn, sqs=sqs, calls=self._calls, outage=Outage(name, say, self._tally)
        )

    async def run(self) -> None:
        """Fire until cancelled; an invocation then gets a grace to end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fire())
                tasks.create_task(self._work())
        finally:
            await self._in_flight.finish()
            await self._calls.close()

    def status(self) -> dict[str, Any]:
        """Return firings `in_flight` and `waiting`, `batches` (fired), `failures` (given up), `last_error`."""
        return {**self._tally.as_json(), "waiting": self._waiting.qsize()}

    async def _fire(self) -> None:
        every = self._schedule.every
        due = time.monotonic()
        while True:
            due = max(due + every, time.monotonic())  # after a laptop's sleep, one firing makes up for all
            await asyncio.sleep(due - time.monotonic())
            if not self._waiting.full():
                self._waiting.put_nowait(None)

    async def _work(self) -> None:
        while True:
            await self._waiting.get()
            self._tally.batches += 1
            self._tally.in_flight += 1
            try:
                await self._deliver()
            finally:
                self._tally.in_flight -= 1

    async def _deliver(self) -> None:
        function, event = self._schedule.function, dict(self._schedule.event)
        for retry in range(self._schedule.retries + 1):
            if retry:
                await asyncio.sleep(FIRST_RETRY * 2 ** (retry - 1))
            call = self._in_flight.start(call_function(self._invoke, function, event))
            answer = await asyncio.shield(call)
            if answer.error is None:
                return
            self._tally.last_error = reason(answer)
        self._tally.failures += 1
        self._say(f"schedule -> {function}: failed {retry + 1} times, given up ({reason(answer)})")
        if self._destination:
            await self._destination.send(_notice(function, event, retry + 1, answer))


def _notice(function: str, event: dict[str, Any], tries: int, answer: Invocation) -> dict[str, Any]:
    """Return what Lambda tells of an invocation that failed ("Adding a destination", invocation record)."""
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}:live",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": tries,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": answer.error},
        "responsePayload": answer.json(),
    }

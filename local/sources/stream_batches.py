"""One batch of stream records until each is done: retries, bisection, checkpoints, discarding."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile

from local.model import Invocation, StreamSource
from local.sources.answers import Tally, judge
from local.sources.calls import backoff
from local.sources.destinations import QueueDestination
from local.sources.stream_records import Batch, Entry, failure_notice


@dataclass(frozen=True)
class Processing:
    """Works off the batches of a shard in order (AWS Lambda, "Using Lambda with Amazon Kinesis").

    `call` invokes the function with a batch; `destination` None means that discarded records leave no
    trace but what `say` is told.
    """

    source: StreamSource
    shard_id: str
    call: Callable[[Batch], Awaitable[Invocation]]
    destination: QueueDestination | None
    tally: Tally
    say: Callable[[str], None]

    async def work_off(self, entries: Sequence[Entry], done: Callable[[Sequence[Entry]], Awaitable[None]]) -> None:
        """Return once every record was processed or discarded; `done` hears of them as that happens."""
        todo = [Batch(tuple(entries))]
        while todo:
            batch = todo.pop(0)
            left = await self._try(batch)
            await done(batch.entries[: len(batch) - sum(map(len, left))])
            todo[:0] = left

    async def _try(self, batch: Batch) -> list[Batch]:
        """Invoke once and return what is left to do, in order; only its first records can be missing."""
        if batch.invocations:
            await asyncio.sleep(backoff(batch.invocations - 1))
        batch = await self._discard_old(batch)
        if not batch.entries:
            return []
        answer = await self.call(batch)
        tried = replace(batch, invocations=batch.invocations + 1, error=answer.error)
        first = self._first_failed(tried, answer)
        return [] if first is None else await self._after_failure(tried, first)

    def _first_failed(self, batch: Batch, answer: Invocation) -> int | None:
        """Return the index of the record at which to go on, None when all are done."""
        places = {entry.sequence: index for index, entry in enumerate(batch.entries)}
        verdict = judge(answer, places, reported=self.source.reports_item_failures)
        if not verdict.failed:
            return None
        first = min(places[sequence] for sequence in verdict.failed)
        self.tally.batch_failed(verdict.why)
        self._remark(f"batch of {len(batch)} failed from record {first + 1} on ({verdict.why})")
        return first

    async def _after_failure(self, batch: Batch, first: int) -> list[Batch]:
        """Return what to try next; a batch that became smaller has all of its retries before it again."""
        if first > 0:
            return [batch.cut(first)[1]]
        if self.source.bisects and len(batch) > 1:
            return list(batch.cut(len(batch) // 2))
        if self.source.retries is not None and batch.invocations > self.source.retries:
            await self._discard(batch, "RetryAttemptsExhausted")
            return []
        return [batch]

    async def _discard_old(self, batch: Batch) -> Batch:
        """Discard the records at the batch's beginning that are older than the mapping's maximum age."""
        if self.source.max_age is None:
            return batch
        limit = datetime.now(UTC).timestamp() - self.source.max_age
        count = len(list(takewhile(lambda entry: entry.arrived.timestamp() < limit, batch.entries)))
        if not count:
            return batch
        old, young = batch.cut(count)
        await self._discard(replace(old, invocations=batch.invocations, error=batch.error), "RecordAgeExceeded")
        return young

    async def _discard(self, batch: Batch, condition: str) -> None:
        if self.destination is not None:
            await self.destination.send(failure_notice(batch, condition, self.shard_id, self.source))
        self._remark(f"{len(batch)} records discarded ({condition})")

    def _remark(self, text: str) -> None:
        self.say(f"{self.shard_id}: {text}")

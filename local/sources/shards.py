"""Reading one shard of a Kinesis stream to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.model import StreamSource
from local.sources.answers import PAYLOAD_LIMIT
from local.sources.calls import AWS_ERRORS, Calls, Outage, error_code
from local.sources.lanes import Lane, ReadAhead
from local.sources.stream_batches import Processing
from local.sources.stream_records import Entry, entries

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef

MOST_RECORDS = 10_000  # that GetRecords returns at once
FIRST_SIZE = 16_384  # bytes of a record's event, as long as none was seen
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.25  # seconds between reads at the shard's end
SLOWING = 1.1  # the pause's growth with each empty read


@dataclass
class Place:
    """Where a mapping stands in a shard, as Lambda keeps it for its pollers.

    It began at `position` (TRIM_HORIZON or LATEST) at the time `started`, and everything is done up to the record
    with the sequence number `checkpoint`.
    """

    position: str
    started: datetime | None = None
    checkpoint: str | None = None


class ShardReader:
    """Reads a shard and has its records processed; `gone` tells whether the shard exists no more."""

    def __init__(
        self,
        source: StreamSource,
        place: Place,
        *,
        kinesis: KinesisClient,
        calls: Calls,
        outage: Outage,
        processing: Processing,
        gone: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._source = source
        self._shard_id = processing.shard_id
        self._place = place
        self._kinesis = kinesis
        self._calls = calls
        self._outage = outage
        self._processing = processing
        self._gone = gone
        self._ahead = ReadAhead(source)
        self._iterator: str | None = None
        self._last_read = place.checkpoint
        self._record_size = FIRST_SIZE
        self._pause = SHORTEST_PAUSE
        self._at_end = False
        self.asked = 0.0
        """When the last read that succeeded began (monotonic seconds)."""

    @property
    def behind(self) -> int:
        """How many records were read and are not done yet."""
        return self._ahead.behind

    @property
    def idle(self) -> bool:
        """Whether the shard was read to its end, or as far as there is one now, and everything is done."""
        return self._at_end and self.behind == 0

    async def run(self) -> None:
        """Return once the shard was closed by resharding and all of its records are done."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            for lane in self._ahead.lanes:
                tasks.create_task(self._work(lane))

    async def _work(self, lane: Lane) -> None:
        while batch := await self._ahead.next_batch(lane):
            await self._processing.work_off(batch, self._done)

    async def _done(self, entries: Sequence[Entry]) -> None:
        await self._ahead.done(entries)
        self._place.checkpoint = self._ahead.checkpoint or self._place.checkpoint

    async def _read(self) -> None:
        while await self._read_once():
            if self._at_end:
                await asyncio.sleep(self._pause)
        self._at_end = True
        await self._ahead.end()

    async def _read_once(self) -> bool:
        """Read what there is room for; False once nothing more will ever come."""
        records, room = await self._ahead.room()
        began = time.monotonic()
        limit = max(1, min(MOST_RECORDS, records, room // self._record_size, PAYLOAD_LIMIT // self._record_size))
        try:
            read = await self._get(limit)
        except AWS_ERRORS as error:
            return await self._recover(error)
        self.asked = began
        self._outage.over(self._shard_id)
        await self._ahead.put(read, more=not self._at_end)
        return self._iterator is not None

    async def _get(self, limit: int) -> list[Entry]:
        iterator = self._iterator
        if iterator is None:
            iterator = await self._calls(self._new_iterator)
        read, self._iterator, self._at_end = await self._calls(self._get_records, iterator, limit)
        if read:
            self._last_read = read[-1].sequence
            self._record_size = max(1, sum(entry.size for entry in read) // len(read))
        self._pause = SHORTEST_PAUSE if read else min(LONGEST_PAUSE, self._pause * SLOWING)
        return read

    def _get_records(self, iterator: str, limit: int) -> tuple[list[Entry], str | None, bool]:
        """Return records, the next iterator (None at a closed shard's end) and whether no more are there."""
        answer = self._kinesis.get_records(ShardIterator=iterator, Limit=limit)
        read = entries(answer["Records"], self._shard_id, self._source)
        return read, answer.get("NextShardIterator"), not answer.get("MillisBehindLatest")

    def _new_iterator(self) -> str:
        """Return an iterator after the last record read, or where the mapping starts."""
        now = datetime.now(UTC)
        wanted: GetShardIteratorInputTypeDef = {
            "StreamARN": self._source.stream_arn,
            "ShardId": self._shard_id,
            "ShardIteratorType": "LATEST" if self._place.position == "LATEST" else "TRIM_HORIZON",
        }
        if self._last_read is not None:
            wanted |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._last_read}
        elif self._place.position == "LATEST" and self._place.started is not None:
            wanted |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._place.started}
        iterator = self._kinesis.get_shard_iterator(**wanted)["ShardIterator"]
        self._place.started = self._place.started or now
        return iterator

    async def _recover(self, error: Exception) -> bool:
        """Wait before the next try; False when there is nothing more to read."""
        self._at_end = False
        await self._ahead.put([], more=False)
        if error_code(error) == "ExpiredIteratorException":
            self._iterator = None
            await asyncio.sleep(SHORTEST_PAUSE)
            return True
        if error_code(error) == "ResourceNotFoundException" and await self._gone(self._shard_id):
            return False
        await self._outage.wait(self._shard_id, error)
        return True

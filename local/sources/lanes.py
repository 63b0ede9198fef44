"""A shard's records that were read and wait for their batch, in lanes that keep the order of each key."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from zlib import crc32

from local.model import StreamSource
from local.sources.answers import EMPTY_EVENT_BYTES, PAYLOAD_LIMIT
from local.sources.stream_records import Entry

BATCHES_AHEAD = 2  # for each lane: one that is being processed and one that fills


class Lane:
    """Records of the keys that share one concurrent batch."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._entries: deque[Entry] = deque()
        self._bytes = EMPTY_EVENT_BYTES
        self._began = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Say whether there is enough for a batch: its size or the payload limit is reached."""
        return len(self._entries) >= self._batch_size or self._bytes > PAYLOAD_LIMIT

    def put(self, entry: Entry) -> None:
        """Append a record."""
        if not self._entries:
            self._began = time.monotonic()
        self._entries.append(entry)
        self._bytes += entry.size

    def waited(self) -> float:
        """Return the seconds since the first of the waiting records was read."""
        return time.monotonic() - self._began

    def take(self) -> list[Entry]:
        """Remove and return one batch."""
        batch: list[Entry] = []
        size = EMPTY_EVENT_BYTES
        while self._entries and len(batch) < self._batch_size:
            size += self._entries[0].size
            if batch and size > PAYLOAD_LIMIT:
                break
            batch.append(self._entries.popleft())
            self._bytes -= batch[-1].size
        self._began = time.monotonic()
        return batch


class Checkpoint:
    """Up to which record, in the order of the shard, all are done: None as long as the first is not."""

    def __init__(self) -> None:
        self.sequence: str | None = None
        self._open: deque[str] = deque()
        self._done: set[str] = set()

    def read(self, entries: Sequence[Entry]) -> None:
        """Note the next records of the shard."""
        self._open.extend(entry.sequence for entry in entries)

    def done(self, entries: Sequence[Entry]) -> None:
        """Note that records are done, which another lane's, before them, may not be yet."""
        self._done.update(entry.sequence for entry in entries)
        while self._open and self._open[0] in self._done:
            self.sequence = self._open.popleft()
            self._done.remove(self.sequence)


class ReadAhead:
    """What a shard's reader is ahead of its lanes, within bounds.

    The reader waits for `room()`, puts records, and says whether there are `more` to read at once; each lane
    waits for its `next_batch` and says what is done.
    """

    def __init__(self, source: StreamSource) -> None:
        self._window = source.window
        self._lanes = [Lane(source.batch_size) for _ in range(source.parallelisation)]
        self._records_left = BATCHES_AHEAD * source.batch_size * source.parallelisation
        self._bytes_left = BATCHES_AHEAD * PAYLOAD_LIMIT * source.parallelisation
        self._changed = asyncio.Condition()
        self._more = True
        self._ended = False
        self._checkpoint = Checkpoint()
        self.behind = 0

    @property
    def checkpoint(self) -> str | None:
        """The sequence number up to which every record that was put is done."""
        return self._checkpoint.sequence

    @property
    def lanes(self) -> Sequence[Lane]:
        """The lanes; a record's is chosen by its partition key."""
        return self._lanes

    async def put(self, entries: Sequence[Entry], *, more: bool) -> None:
        """Add records that were read; `more` is whether the reader will go on at once if it has room."""
        self._checkpoint.read(entries)
        for entry in entries:
            self._lanes[crc32(entry.key.encode()) % len(self._lanes)].put(entry)
            self._bytes_left -= entry.size
        self.behind += len(entries)
        self._records_left -= len(entries)
        await self._tell(more=more)

    async def end(self) -> None:
        """Note that no more records will come."""
        self._ended = True
        await self._tell(more=False)

    async def room(self) -> tuple[int, int]:
        """Wait until something more may be read; return how many records and bytes."""
        async with self._changed:
            await self._changed.wait_for(self._has_room)
        return self._records_left, self._bytes_left

    async def next_batch(self, lane: Lane) -> list[Entry]:
        """Wait until the lane's batch is full, or its window is over and nothing more comes at once.

        Empty when the shard has ended.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: len(lane) > 0 or self._ended)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._window - lane.waited()):
                    await self._changed.wait_for(lambda: lane.full or self._ended)
            await self._changed.wait_for(lambda: lane.full or not (self._more and self._has_room()))
            return lane.take()

    async def done(self, entries: Sequence[Entry]) -> None:
        """Note that records were processed or discarded."""
        self._checkpoint.done(entries)
        self.behind -= len(entries)
        self._records_left += len(entries)
        self._bytes_left += sum(entry.size for entry in entries)
        await self._tell(more=self._more)

    def _has_room(self) -> bool:
        return self._records_left > 0 and self._bytes_left > 0

    async def _tell(self, *, more: bool) -> None:
        async with self._changed:
            self._more = more
            self._changed.notify_all()

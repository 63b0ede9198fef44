"""The Kinesis event source: a poller that behaves as Lambda's (AWS Lambda, "Using Lambda with Amazon Kinesis")."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.model import Invocation, Invoke, StreamSource
from local.sources.answers import Tally, call_function
from local.sources.calls import AWS_ERRORS, Calls, InFlight, Outage
from local.sources.destinations import QueueDestination
from local.sources.shards import Place, ShardReader
from local.sources.stream_batches import Processing
from local.sources.stream_records import Batch

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import ShardTypeDef
    from mypy_boto3_sqs import SQSClient

THREADS = 8  # no call waits for records, so shards can share
GLANCE = 0.02  # seconds
RESCAN = 10.0  # seconds between looks for new shards; the end of a shard brings one at once


@dataclass
class Checkpoints:
    """What Lambda keeps of an event source mapping: its place in each shard, and the shards that are finished."""

    places: dict[str, Place] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)


class StreamPoller:
    """Reads every shard of one stream and invokes the function with its records, in order.

    A shard that resharding made is read from its beginning once its parents are done. A poller that is given the
    `checkpoints` of an earlier one goes on where that one was done; without them it starts at the source's
    starting position.
    """

    def __init__(
        self,
        source: StreamSource,
        *,
        kinesis: KinesisClient,
        sqs: SQSClient,
        invoke: Invoke,
        say: Callable[[str], None],
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._source = source
        self._kinesis = kinesis
        self._invoke = invoke
        self.name = f"{source.stream_arn.rpartition('/')[2]} -> {source.function}"
        self._say = say
        self._calls = Calls(self.name, threads=THREADS)
        self._tally = Tally()
        self._outage = Outage(self.name, say, self._tally)
        self._destination = source.on_failure_arn and QueueDestination(
            source.on_failure_arn, sqs=sqs, calls=self._calls, outage=self._outage
        )
        self._in_flight = InFlight()
        self._readers: dict[str, ShardReader] = {}
        self._checkpoints = checkpoints or Checkpoints()
        self._shard_ended = asyncio.Event()
        self._all_known = False
        self._killed = False

    async def run(self) -> None:
        """Poll until cancelled; invocations then get a grace to end, unless the poller was killed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._discover(tasks)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._shard_ended.wait(), RESCAN)
        finally:
            if not self._killed:
                await self._in_flight.finish()
                await self._calls.close()

    def kill(self) -> None:
        """Forget everything at once but the checkpoints: what was under way comes again."""
        self._killed = True
        self._in_flight.drop()
        self._calls.drop()

    @property
    def idle(self) -> bool:
        """Whether every shard was read to its end when last asked, and every record is done."""
        return self._all_known and not self._killed and all(reader.idle for reader in self._readers.values())

    async def caught_up(self) -> bool:
        """Say whether every record put before this call is done, asking each shard once more.

        `idle` alone can be as old as the last read: a quarter of a second.
        """
        called = time.monotonic()
        while self.idle and any(reader.asked < called for reader in self._readers.values()):  # noqa: ASYNC110 - readers signal nobody
            await asyncio.sleep(GLANCE)  # a reader's next read is at most a quarter of a second away
        return self.idle

    def status(self) -> dict[str, Any]:
        """Return records `in_flight` and `behind`, `shards`, `idle`, `batches`, `failures`, `last_error`."""
        return {
            **self._tally.as_json(),
            "behind": sum(reader.behind for reader in self._readers.values()),
            "shards": len(self._readers),
            "idle": self.idle,
        }

    async def _discover(self, tasks: asyncio.TaskGroup) -> None:
        """Start a reader for each shard whose turn has come."""
        self._shard_ended.clear()
        shards = await self._shards()
        self._place(shards)
        for shard_id in shards:
            if shard_id not in self._readers and self._is_next(shard_id, shards):
                self._readers[shard_id] = self._reader(shard_id)
                tasks.create_task(self._read(shard_id))
        missing = shards.keys() - self._readers.keys() - self._checkpoints.finished
        self._all_known = not self._shard_ended.is_set() and not missing

    def _place(self, shards: Mapping[str, ShardTypeDef]) -> None:
        """Decide where to begin in shards seen for the first time; forget those that are gone."""
        places, finished = self._checkpoints.places, self._checkpoints.finished
        position = "TRIM_HORIZON" if places else self._source.starting_position
        finished &= shards.keys()
        for shard_id in places.keys() - shards.keys():
            del places[shard_id]
        for shard_id in shards.keys() - places.keys():
            places[shard_id] = Place(position)
            if position == "LATEST" and "EndingSequenceNumber" in shards[shard_id]["SequenceNumberRange"]:
                finished.add(shard_id)  # it was closed before we came

    def _is_next(self, shard_id: str, shards: Mapping[str, ShardTypeDef]) -> bool:
        shard = shards[shard_id]
        parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & shards.keys()
        return shard_id not in self._checkpoints.finished and parents <= self._checkpoints.finished

    async def _shards(self) -> dict[str, ShardTypeDef]:
        while True:
            try:
                shards = await self._calls(self._list)
            except AWS_ERRORS as error:
                await self._outage.wait("list the shards", error)
            else:
                self._outage.over("list the shards")
                return shards

    def _list(self) -> dict[str, ShardTypeDef]:
        answer = self._kinesis.list_shards(StreamARN=self._source.stream_arn)
        shards = answer["Shards"]
        while token := answer.get("NextToken"):
            answer = self._kinesis.list_shards(NextToken=token)
            shards += answer["Shards"]
        return {shard["ShardId"]: shard for shard in shards}

    def _reader(self, shard_id: str) -> ShardReader:
        processing = Processing(
            self._source,
            shard_id,
            call=self._call,
            destination=self._destination or None,
            tally=self._tally,
            say=lambda text: self._say(f"{self.name} {text}"),
        )
        return ShardReader(
            self._source,
            self._checkpoints.places[shard_id],
            kinesis=self._kinesis,
            calls=self._calls,
            outage=self._outage,
            processing=processing,
            gone=self._gone,
        )

    async def _read(self, shard_id: str) -> None:
        await self._readers[shard_id].run()
        self._outage.over(shard_id)
        self._all_known = False
        self._checkpoints.finished.add(shard_id)
        del self._readers[shard_id]
        self._shard_ended.set()

    async def _gone(self, shard_id: str) -> bool:
        """Say whether the stream exists without the shard: the emulator removes a shard that is split."""
        try:
            return shard_id not in await self._calls(self._list)
        except AWS_ERRORS:
            return False

    async def _call(self, batch: Batch) -> Invocation:
        """Invoke the function with a batch; a cancellation leaves the invocation its grace."""
        self._tally.batches += 1
        self._tally.in_flight += len(batch)
        event = {"Records": [entry.event for entry in batch.entries]}
        try:
            call = self._in_flight.start(call_function(self._invoke, self._source.function, event))
            return await asyncio.shield(call)
        finally:
            self._tally.in_flight -= len(batch)

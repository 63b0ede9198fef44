"""Kinesis pollers: where they begin, which shards they read, and what they survive."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from tests.local.emulated import make_stream
from tests.local.fake_aws import FIRST, FakeKinesis, FakeShard, one_shard, refused, unreachable
from tests.local.fake_function import done


class TestReading:
    async def test_trim_horizon_begins_with_the_oldest_record(self, stream, stream_poller, start, function, eventually):
        stream.put("a", "b")
        source = stream_poller(stream)
        start(source)
        await eventually(done(source, function, 2))
        assert function.batches == [["a", "b"]]

    async def test_latest_begins_with_the_next_record(self, stream, stream_poller, start, function, eventually):
        stream.put("old")
        source = stream_poller(stream, starting_position="LATEST")
        start(source)
        await eventually(lambda: source.idle)
        stream.put("new")
        await eventually(done(source, function, 1))
        assert function.batches == [["new"]]

    async def test_a_record_is_seen_soon_by_an_idle_poller(self, stream, stream_poller, start, function, eventually):
        source = stream_poller(stream)
        start(source)
        await eventually(lambda: source.idle)
        put = time.monotonic()
        stream.put("a")
        await eventually(lambda: function.events)
        assert function.times[0] - put < 0.6

    async def test_every_shard_has_a_reader(self, kinesis, unique, stream_poller, start, function, eventually):
        stream = make_stream(kinesis, unique, shards=4)
        for n in range(40):
            stream.put(str(n), key=str(n))
        source = stream_poller(stream)
        start(source)
        await eventually(done(source, function, 40))
        assert source.status()["shards"] == 4
        assert sorted(map(int, function.seen)) == list(range(40))
        for event in function.events:
            assert len({record["eventID"].partition(":")[0] for record in event["Records"]}) == 1

    async def test_the_emulator_removes_a_shard_that_is_split(self, stream, stream_poller, start, function, eventually):
        source = stream_poller(stream)
        start(source)
        stream.put("before")
        await eventually(done(source, function, 1))
        stream.kinesis.split_shard(StreamARN=stream.arn, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
        stream.put("after")
        await eventually(done(source, function, 2))
        assert source.status()["shards"] == 2

    async def test_children_wait_for_their_parents(self, fake_stream, start, function, eventually):
        """AWS keeps a closed shard and its records, and gives no iterator after its last one."""
        kinesis = FakeKinesis(
            child=FakeShard(parents=("left", "right")), left=FakeShard(closed=True), right=FakeShard(closed=True)
        )
        kinesis.shards["left"].put("ab")
        kinesis.shards["right"].put("c")
        kinesis.shards["child"].put("d")
        function.seconds = 0.1
        source = fake_stream(kinesis)
        start(source)
        await eventually(done(source, function, 4))
        assert sorted(function.batches[:2]) == [["a", "b"], ["c"]]
        assert function.batches[2] == ["d"]

    async def test_latest_ignores_shards_that_were_closed_before(self, fake_stream, start, function, eventually):
        kinesis = FakeKinesis(parent=FakeShard(closed=True), child=FakeShard(parents=("parent",)))
        kinesis.shards["parent"].put("a")
        source = fake_stream(kinesis, starting_position="LATEST")
        start(source)
        await eventually(lambda: source.idle)
        kinesis.shards["child"].put("b")
        await eventually(done(source, function, 1))
        assert function.batches == [["b"]]

    async def test_latest_reads_shards_that_come_later_from_their_beginning(
        self, fake_stream, start, function, eventually
    ):
        kinesis = one_shard()
        source = fake_stream(kinesis, starting_position="LATEST")
        start(source)
        await eventually(lambda: source.idle)
        child = FakeShard(parents=(FIRST,))
        child.put("b")
        kinesis.shards["child"] = child
        kinesis.shards[FIRST].put("a")
        kinesis.shards[FIRST].closed = True
        await eventually(done(source, function, 2))
        assert function.batches == [["a"], ["b"]]

    async def test_an_expired_iterator_resumes_after_the_last_record(self, fake_stream, start, function, eventually):
        kinesis = one_shard("a")
        source = fake_stream(kinesis)
        start(source)
        await eventually(done(source, function, 1))
        kinesis.fail("get_records", refused("ExpiredIteratorException"))
        kinesis.shards[FIRST].put("b")
        await eventually(done(source, function, 2))
        assert function.batches == [["a"], ["b"]]
        assert kinesis.iterator_requests[-1]["StartingSequenceNumber"] == "a"

    async def test_an_expired_latest_iterator_loses_nothing(self, fake_stream, start, function, eventually):
        """No record was read after which it could resume."""
        kinesis = one_shard("old")
        kinesis.shards[FIRST].records[0]["ApproximateArrivalTimestamp"] = datetime(2026, 1, 1, tzinfo=UTC)
        source = fake_stream(kinesis, starting_position="LATEST")
        start(source)
        await eventually(lambda: source.idle)
        kinesis.fail("get_records", *[refused("ExpiredIteratorException")] * 2)
        kinesis.shards[FIRST].put(["new"])
        await eventually(done(source, function, 1))
        assert function.batches == [["new"]]

    async def test_an_outage_is_survived_and_said_once(self, fake_stream, said, start, function, eventually):
        kinesis = one_shard("a")
        kinesis.fail("list_shards", unreachable(), unreachable())
        kinesis.fail("get_records", unreachable(), refused("InternalFailure"), unreachable())
        source = fake_stream(kinesis)
        start(source)
        await eventually(done(source, function, 1))
        begin, over = "trying until it works", "works again"
        assert [line[-len(end) :] for line, end in zip(said, [begin, over] * 2, strict=True)] == [begin, over] * 2

    async def test_caught_up_counts_records_that_no_read_has_seen_yet(self, fake_stream, start, function, eventually):
        kinesis = one_shard("a")
        source = fake_stream(kinesis)
        start(source)
        await eventually(done(source, function, 1))
        assert await source.caught_up()
        function.seconds = 0.2
        kinesis.shards[FIRST].put("b")
        assert source.idle
        assert not await source.caught_up()
        await eventually(lambda: source.idle)
        assert function.seen == ["a", "b"]

    async def test_reading_ahead_is_bounded(self, fake_stream, start, function):
        kinesis = one_shard(*map(str, range(1000)))
        function.seconds = 0.05
        source = fake_stream(kinesis, batch_size=10)
        start(source)
        most = 0
        while len(function.finished) < 10:
            most = max(most, source.status()["behind"])
            await asyncio.sleep(0.005)
        assert most == 20
        assert max(kinesis.limits) <= 20

"""Pollers that are killed: others take over, with what the service keeps and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from local.sources import supervising
from local.sources.streams import Checkpoints
from local.sources.supervising import Supervised
from tests.local.emulated import make_queue
from tests.local.fake_aws import FIRST, FakeSqs, one_shard


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "PAUSE", 0.0)


class TestQueues:
    async def test_what_a_killed_poller_had_in_hand_is_neither_deleted_nor_given_back(
        self, fake_queue, said, start, function, eventually
    ):
        function.seconds = 0.3
        sqs = FakeSqs("a")
        supervised = Supervised(lambda: fake_queue(sqs), said.append)
        start(supervised)
        await eventually(lambda: function.running)
        supervised.kill()
        await eventually(lambda: said)
        sqs.messages.append("b")
        await eventually(lambda: sqs.deleted)
        assert (sqs.deleted, sqs.shown) == (["b"], [])
        assert said == ["fake -> Orders: the poller died (killed); another takes over"]

    async def test_a_batch_whose_poller_died_comes_again_after_its_visibility_timeout(
        self, sqs, unique, queue_poller, said, start, function, eventually
    ):
        queue = make_queue(sqs, unique, VisibilityTimeout="1")
        function.delay = lambda _event: 60 if len(function.events) == 1 else 0
        queue.send("a")
        supervised = Supervised(lambda: queue_poller(queue), said.append)
        start(supervised)
        await eventually(lambda: function.running)
        supervised.kill()
        await eventually(queue.is_empty)
        assert function.seen == ["a", "a"]

    async def test_messages_that_wait_for_their_batch_are_lost_to_the_killed_poller(
        self, fake_queue, said, start, eventually
    ):
        sqs = FakeSqs("a")
        supervised = Supervised(lambda: fake_queue(sqs, batch_size=100, window=60), said.append)
        stop = start(supervised)
        await eventually(lambda: supervised.poller.status()["waiting"] == 1)
        supervised.kill()
        await eventually(lambda: said)
        await stop()
        assert sqs.shown == []

    async def test_stopping_is_gentle(self, fake_queue, said, start, function, eventually):
        function.seconds = 0.3
        sqs = FakeSqs("a")
        stop = start(Supervised(lambda: fake_queue(sqs), said.append))
        await eventually(lambda: function.running)
        await stop()
        assert (sqs.deleted, said) == (["a"], [])

    async def test_a_poller_that_breaks_is_replaced_and_says_why(self, fake_queue, said, start, eventually):
        sqs = FakeSqs()
        sqs.fail("receive_message", ZeroDivisionError("oops"))
        start(Supervised(lambda: fake_queue(sqs), said.append))
        await eventually(lambda: said)
        sqs.faults.clear()
        sqs.messages.append("a")
        await eventually(lambda: sqs.deleted == ["a"])
        assert "ZeroDivisionError('oops')" in said[0]


class TestStreams:
    async def test_the_next_poller_goes_on_at_the_checkpoint(self, fake_stream, said, start, function, eventually):
        """The batch that was under way comes again, what was done before it does not."""
        kinesis, kept = one_shard("a", "b", "c"), Checkpoints()
        function.delay = lambda _event: 60 if len(function.events) == 2 else 0
        supervised = Supervised(lambda: fake_stream(kinesis, batch_size=1, checkpoints=kept), said.append)
        start(supervised)
        await eventually(lambda: len(function.events) == 2)
        supervised.kill()
        assert not supervised.poller.idle
        await eventually(lambda: supervised.poller.idle)
        assert function.seen == ["a", "b", "b", "c"]
        assert kept.places[FIRST].checkpoint == "c"

    async def test_a_checkpoint_waits_for_the_slowest_lane(self, fake_stream, start, function, eventually):
        kinesis, kept = one_shard(), Checkpoints()
        for n in range(8):
            kinesis.shards[FIRST].put([str(n)], key=str(n))
        function.delay = lambda event: 60 if event["Records"][0]["kinesis"]["partitionKey"] == "3" else 0
        start(fake_stream(kinesis, batch_size=1, parallelisation=4, checkpoints=kept))
        await eventually(lambda: kept.places and kept.places[FIRST].checkpoint == "2")
        await eventually(lambda: len(function.finished) >= 5)
        assert kept.places[FIRST].checkpoint == "2"

    async def test_a_stream_read_from_its_end_misses_nothing_between_two_pollers(
        self, fake_stream, said, start, function, eventually
    ):
        kinesis, kept = one_shard("old"), Checkpoints()
        await asyncio.sleep(0.002)  # the fake's times are exact to a millisecond
        supervised = Supervised(lambda: fake_stream(kinesis, starting_position="LATEST", checkpoints=kept), said.append)
        start(supervised)
        await eventually(lambda: supervised.poller.idle)
        supervised.kill()
        kinesis.shards[FIRST].put(["new"])
        await eventually(lambda: function.seen)
        assert function.seen == ["new"]

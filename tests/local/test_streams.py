"""Kinesis pollers: each promise of Lambda's that the local cloud keeps."""

from __future__ import annotations

import base64
import json
import time

from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.parser.models import KinesisDataStreamModel

from tests.local.fake_aws import FIRST, FakeSqs, contents, one_shard
from tests.local.fake_function import done

PAYLOAD_LIMIT = 6_291_556
DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:dead"


class TestBatching:
    async def test_a_backlog_fills_batches(self, stream, stream_poller, start, function, eventually):
        """Though one GetRecords returns less than a batch, or more."""
        stream.put(*map(str, range(2500)))
        source = stream_poller(stream, batch_size=1000)
        start(source)
        await eventually(done(source, function, 2500))
        assert [len(batch) for batch in function.batches] == [1000, 1000, 500]
        assert function.seen == list(map(str, range(2500)))

    async def test_a_full_batch_does_not_wait_for_its_window(self, fake_stream, start, function, eventually):
        start(fake_stream(one_shard(*"abcde"), batch_size=5, window=30))
        await eventually(lambda: function.finished)
        assert function.batches == [list("abcde")]

    async def test_a_window_ends_for_a_batch_that_is_not_full(self, fake_stream, start, function, eventually):
        kinesis = one_shard("a")
        source = fake_stream(kinesis, window=0.7)
        start(source)
        await eventually(lambda: source.status()["behind"] == 1)
        began = time.monotonic()
        kinesis.shards[FIRST].put("b")
        await eventually(lambda: function.finished)
        assert function.batches == [["a", "b"]]
        assert 0.6 < function.times[0] - began < 1.5

    async def test_a_batch_is_cut_before_its_event_exceeds_six_megabytes(
        self, stream, stream_poller, start, function, eventually
    ):
        """The data counts as base64."""
        for n in range(8):
            stream.put(bytes([65 + n]) * 900_000)
        source = stream_poller(stream)
        start(source)
        await eventually(done(source, function, 8))
        assert [len(batch) for batch in function.batches] == [5, 3]
        for event in function.events:
            assert len(json.dumps(event, separators=(",", ":"))) <= PAYLOAD_LIMIT

    async def test_a_full_payload_does_not_wait_for_its_window(self, fake_stream, start, function, eventually):
        kinesis = one_shard(*(letter * 900_000 for letter in "abc"))  # the text is data and number: 3 MB an event
        start(fake_stream(kinesis, window=30))
        await eventually(lambda: function.finished)
        assert [len(batch) for batch in function.batches] == [2]

    async def test_lanes_run_at_once_and_keep_the_order_of_each_key(self, fake_stream, start, function, eventually):
        kinesis = one_shard()
        for n in range(60):
            kinesis.shards[FIRST].put([f"{n % 12}-{n // 12}"], key=str(n % 12))
        function.delay = lambda event: 0.3 if "0-0" in contents(event) else 0.01
        source = fake_stream(kinesis, batch_size=2, parallelisation=4)
        start(source)
        await eventually(done(source, function, 60))
        assert 1 < function.most_running <= 4
        finished = [text for event in function.finished for text in contents(event)]
        for key in range(12):
            assert [text for text in finished if text.startswith(f"{key}-")] == [f"{key}-{n}" for n in range(5)]

    async def test_a_lane_that_is_stuck_does_not_stop_the_others(
        self, fake_stream, start, function, failed, eventually
    ):
        kinesis = one_shard()
        for n in range(8):
            kinesis.shards[FIRST].put([f"{n}"], key=str(n))
        function.answer = lambda event: failed if "0" in contents(event) else None
        source = fake_stream(kinesis, batch_size=1, parallelisation=4)
        start(source)
        await eventually(lambda: set(function.seen) > {"0"})
        assert not source.idle


class TestEvent:
    async def test_records_have_the_shape_that_lambda_gives_them(
        self, stream, stream_poller, start, function, eventually
    ):
        stream.put('{"a": 1}', key="order-1")
        start(stream_poller(stream))
        (event,) = await eventually(lambda: function.events)
        assert next(KinesisStreamEvent(event).records).kinesis.data_as_json() == {"a": 1}
        assert KinesisDataStreamModel.model_validate(event).Records[0].kinesis.data == b'{"a": 1}'
        (record,) = event["Records"]
        sequence = record["kinesis"].pop("sequenceNumber")
        assert abs(record["kinesis"].pop("approximateArrivalTimestamp") - time.time()) < 10
        assert record == {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "order-1",
                "data": base64.b64encode(b'{"a": 1}').decode(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{FIRST}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::000000000000:role/ProjectRole",
            "awsRegion": "us-east-1",
            "eventSourceARN": stream.arn,
        }


class TestStopping:
    async def test_an_invocation_may_end_within_the_grace(self, fake_stream, start, function, eventually):
        function.seconds = 0.3
        source = fake_stream(one_shard("a", "b"), batch_size=1)
        stop = start(source)
        await eventually(lambda: function.running)
        await stop()
        assert len(function.finished) == 1
        assert function.batches == [["a"]]

    async def test_stopping_does_not_wait_for_a_slow_function(self, stream, stream_poller, start, function, eventually):
        function.seconds = 60
        stream.put("a")
        source = stream_poller(stream)
        stop = start(source)
        await eventually(lambda: source.status()["in_flight"] == 1)
        assert not source.idle
        began = time.monotonic()
        await stop()
        assert time.monotonic() - began < 4
        assert function.running == 0

    async def test_nothing_is_counted_as_done_that_was_not_processed(
        self, fake_stream, start, function, failed, eventually
    ):
        function.answer = lambda _event: failed
        sqs = FakeSqs()
        source = fake_stream(one_shard("a", "b"), sqs, batch_size=1, on_failure_arn=DEAD_LETTERS)
        stop = start(source)
        await eventually(lambda: len(function.events) > 2)
        await stop()
        assert sqs.sent == []
        assert source.status()["behind"] == 2
        assert set(function.seen) == {"a"}

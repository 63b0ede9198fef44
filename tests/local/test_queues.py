"""SQS pollers: each promise of Lambda's that the local cloud keeps."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.parser.models import SqsModel

from tests.local.emulated import make_queue
from tests.local.fake_aws import FakeSqs

PAYLOAD_LIMIT = 6_291_556


def size(event: Any) -> int:
    return len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


class TestBatching:
    async def test_an_idle_poller_sees_a_message_at_once(self, queue, queue_poller, start, function, eventually):
        """A long poll of the emulator looks every 100 ms."""
        start(queue_poller(queue))
        delays = []
        for n in range(5):
            sent = time.monotonic()
            await asyncio.to_thread(queue.send, "hello")
            await eventually(lambda n=n: len(function.events) == n + 1)
            delays.append(function.times[-1] - sent)
        assert statistics.median(delays) < 0.25

    async def test_without_a_window_one_receive_is_a_batch(self, fake_queue, start, function, eventually):
        sqs = FakeSqs(*"abcdefghijklm")
        start(fake_queue(sqs, batch_size=10))
        await eventually(lambda: len(sqs.deleted) == 13)
        assert function.batches == [list("abcdefghij"), list("klm")]

    async def test_a_full_batch_does_not_wait_for_its_window(self, fake_queue, start, function, eventually):
        letters = list("abcdefghijklmnopqrstuvwxyz")
        sqs = FakeSqs(*letters)
        start(fake_queue(sqs, batch_size=26, window=30))
        await eventually(lambda: len(sqs.deleted) == 26)
        assert function.batches == [letters]

    async def test_a_window_ends_for_a_batch_that_is_not_full(self, fake_queue, start, function, eventually):
        sqs = FakeSqs("a")
        source = fake_queue(sqs, batch_size=100, window=0.7)
        start(source)
        await eventually(lambda: source.status()["waiting"] == 1)
        began = time.monotonic()
        sqs.messages.append("b")
        await eventually(lambda: len(sqs.deleted) == 2)
        assert function.batches == [["a", "b"]]
        assert 0.6 < function.times[0] - began < 1.5

    async def test_a_batch_is_cut_before_its_event_exceeds_six_megabytes(self, fake_queue, start, function, eventually):
        """A full payload does not wait for its window."""
        sqs = FakeSqs(*(letter + "é" * 249_000 for letter in "abcdefghijklmn"))  # 498 kB each as UTF-8
        source = fake_queue(sqs, batch_size=20, window=30)
        start(source)
        await eventually(lambda: sqs.deleted and source.status()["waiting"] == 2)
        (event,) = function.events
        assert len(event["Records"]) == 12
        assert size(event) <= PAYLOAD_LIMIT

    async def test_without_a_window_what_does_not_fit_is_invoked_at_once(self, fake_queue, start, function, eventually):
        sqs = FakeSqs(*(letter * 1_000_000 for letter in "abcdefgh"))
        start(fake_queue(sqs, batch_size=10))
        await eventually(lambda: len(sqs.deleted) == 8)
        assert [len(event["Records"]) for event in function.events] == [6, 2]
        assert function.times[1] - function.times[0] < 0.5

    @pytest.mark.parametrize(("concurrency", "most"), [(2, 2), (None, 5)])
    async def test_maximum_concurrency_is_never_exceeded(
        self, concurrency, most, fake_queue, start, function, eventually
    ):
        """Without one it is five locally."""
        function.seconds = 0.1
        sqs = FakeSqs(*map(str, range(12)))
        start(fake_queue(sqs, batch_size=1, concurrency=concurrency))
        await eventually(lambda: len(sqs.deleted) == 12)
        assert function.most_running == most

    async def test_a_message_that_comes_again_while_it_waits_is_in_the_batch_once(
        self, sqs, unique, queue_poller, start, function, eventually
    ):
        """The window is longer than the visibility timeout, which AWS advises against."""
        queue = make_queue(sqs, unique, VisibilityTimeout="1")
        queue.send("a")
        start(queue_poller(queue, batch_size=10, window=1.6))
        await eventually(queue.is_empty)
        assert function.seen == ["a"]
        assert function.events[0]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"

    async def test_a_message_that_waited_past_its_visibility_timeout_is_dropped(
        self, fake_queue, said, start, function, eventually
    ):
        sqs = FakeSqs("a", visibility=1)
        start(fake_queue(sqs, batch_size=100, window=1.2))
        await eventually(lambda: said)
        assert "waited past the visibility timeout" in said[0]
        assert function.events == []
        assert sqs.deleted == []


class TestEvent:
    async def test_records_have_the_shape_that_lambda_gives_them(
        self, sqs, queue, queue_poller, start, function, eventually
    ):
        attributes = {
            "kind": {"DataType": "String", "StringValue": "order"},
            "size": {"DataType": "Number.int", "StringValue": "3"},
            "seal": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        sent = sqs.send_message(QueueUrl=queue.url, MessageBody='{"a": 1}', MessageAttributes=attributes)
        start(queue_poller(queue))
        (event,) = await eventually(lambda: function.events)
        assert_powertools_understands(event)
        (record,) = event["Records"]
        assert record.pop("receiptHandle")
        times = [record["attributes"].pop(name) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")]
        assert all(abs(int(moment) / 1000 - time.time()) < 10 for moment in times)
        empty = {"stringListValues": [], "binaryListValues": []}
        assert record == {
            "messageId": sent["MessageId"],
            "body": '{"a": 1}',
            "attributes": {"ApproximateReceiveCount": "1", "SenderId": "000000000000"},
            "messageAttributes": {
                "kind": {"stringValue": "order", "dataType": "String", **empty},
                "size": {"stringValue": "3", "dataType": "Number.int", **empty},
                "seal": {"binaryValue": "AP8=", "dataType": "Binary", **empty},
            },
            "md5OfBody": sent["MD5OfMessageBody"],
            "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn,
            "awsRegion": "us-east-1",
        }

    async def test_messages_of_a_group_keep_their_order(self, sqs, unique, queue_poller, start, function, eventually):
        queue = make_queue(sqs, f"{unique}.fifo", FifoQueue="true", VisibilityTimeout="60")
        for n in map(str, range(25)):
            sqs.send_message(QueueUrl=queue.url, MessageBody=n, MessageGroupId="g", MessageDeduplicationId=n)
        start(queue_poller(queue))
        await eventually(queue.is_empty)
        assert function.seen == [str(n) for n in range(25)]
        assert function.events[0]["Records"][0]["attributes"]["MessageGroupId"] == "g"


def assert_powertools_understands(event: Any) -> None:
    (record,) = SQSEvent(event).records
    assert record.json_body == {"a": 1}
    assert record.message_attributes["kind"].string_value == "order"
    assert record.attributes.approximate_receive_count == "1"
    assert SqsModel.model_validate(event).Records[0].body == '{"a": 1}'


class TestStopping:
    async def test_a_cancelled_invocation_acknowledges_nothing(self, fake_queue, start, function, eventually):
        function.seconds = 60
        sqs = FakeSqs("a")
        stop = start(fake_queue(sqs))
        await eventually(lambda: function.running)
        began = time.monotonic()
        await stop()
        assert time.monotonic() - began < 4
        assert sqs.deleted == sqs.shown == []
        assert function.running == 0

    async def test_an_invocation_that_ends_within_the_grace_is_acknowledged(
        self, fake_queue, start, function, eventually
    ):
        function.seconds = 0.3
        sqs = FakeSqs("a")
        stop = start(fake_queue(sqs))
        await eventually(lambda: function.running)
        await stop()
        assert sqs.deleted == ["a"]

    async def test_messages_that_no_function_has_seen_are_visible_again_at_once(
        self, queue, queue_poller, start, function, eventually
    ):
        queue.send("a", "b")
        source = queue_poller(queue, batch_size=100, window=60)
        stop = start(source)
        await eventually(lambda: source.status()["waiting"] == 2)
        await stop()
        assert queue.counts() == (2, 0)
        assert function.events == []

    async def test_no_poll_of_a_stopped_poller_takes_a_message_later(
        self, queue, queue_poller, start, function, eventually
    ):
        """The emulator goes on with a long poll whose caller is gone."""
        stop = start(queue_poller(queue))
        queue.send("a")
        await eventually(lambda: function.finished and queue.is_empty())
        began = time.monotonic()
        await stop()
        assert time.monotonic() - began < 2
        queue.send("b")
        deadline = time.monotonic() + 0.5  # several of the emulator's looks
        while time.monotonic() < deadline:
            assert queue.counts() == (1, 0)
            await asyncio.sleep(0.05)

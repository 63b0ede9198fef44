"""Kinesis pollers: retries, discarding, bisection and reported failures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.local.fake_aws import FIRST, FakeSqs, contents, one_shard, refused, unreachable
from tests.local.fake_function import done

DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:dead"


class TestFailures:
    async def test_a_failed_batch_is_tried_again_before_the_next(
        self, fake_stream, said, start, function, failed, eventually
    ):
        function.answer = lambda _event: failed if len(function.events) < 3 else None
        source = fake_stream(one_shard(*"abcd"), batch_size=2)
        start(source)
        await eventually(lambda: source.idle)
        assert function.batches == [["a", "b"]] * 3 + [["c", "d"]]
        assert said[0] == f"fake -> Project {FIRST}: batch of 2 failed from record 1 on (ValueError: boom)"
        assert source.status()["failures"] == 2

    async def test_exhausted_retries_send_a_notice_to_the_destination(
        self, sqs, stream, unique, stream_poller, start, function, failed, eventually
    ):
        url = sqs.create_queue(QueueName=unique)["QueueUrl"]
        function.answer = lambda event: failed if "b" in contents(event) else None
        stream.put("a", "b")
        source = stream_poller(stream, retries=2, on_failure_arn=f"arn:aws:sqs:us-east-1:000000000000:{unique}")
        start(source)
        await eventually(done(source, function, 6))
        stream.put("c")
        await eventually(done(source, function, 7))
        assert function.batches == [["a", "b"]] * 3 + [["c"]]
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
        notice = json.loads(message["Body"])
        assert len(notice["requestContext"].pop("requestId")) == 36
        assert_recent(notice.pop("timestamp"))
        assert_recent(notice["KinesisBatchInfo"].pop("approximateArrivalOfFirstRecord"))
        assert_recent(notice["KinesisBatchInfo"].pop("approximateArrivalOfLastRecord"))
        first, second = (record["kinesis"]["sequenceNumber"] for record in function.events[0]["Records"])
        assert notice == {
            "requestContext": {
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:Project",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "KinesisBatchInfo": {
                "shardId": FIRST,
                "startSequenceNumber": first,
                "endSequenceNumber": second,
                "batchSize": 2,
                "streamArn": stream.arn,
            },
        }

    async def test_records_that_are_too_old_are_discarded(self, fake_stream, start, function, failed, eventually):
        function.answer = lambda _event: failed
        sqs, kinesis = FakeSqs(), one_shard("a", "b")
        kinesis.shards[FIRST].records[0]["ApproximateArrivalTimestamp"] = datetime(2026, 1, 1, tzinfo=UTC)
        source = fake_stream(kinesis, sqs, max_age=0.5, on_failure_arn=DEAD_LETTERS)
        start(source)
        await eventually(lambda: source.idle and len(sqs.sent) == 2)
        first, second = map(json.loads, sqs.sent)
        assert first["requestContext"]["condition"] == second["requestContext"]["condition"] == "RecordAgeExceeded"
        assert first["requestContext"]["approximateInvokeCount"] == 0
        assert second["requestContext"]["approximateInvokeCount"] == len(function.events) > 1
        assert set(function.seen) == {"b"}

    async def test_a_notice_that_cannot_be_sent_is_sent_later(self, fake_stream, start, function, failed, eventually):
        function.answer = lambda event: failed if contents(event) == ["a"] else None
        sqs = FakeSqs()
        sqs.fail("get_queue_url", unreachable())
        sqs.fail("send_message", unreachable(), refused("InternalError"))
        source = fake_stream(one_shard(*"ab"), sqs, batch_size=1, retries=0, on_failure_arn=DEAD_LETTERS)
        start(source)
        await eventually(lambda: source.idle)
        assert [json.loads(body)["KinesisBatchInfo"]["startSequenceNumber"] for body in sqs.sent] == ["a"]
        assert function.batches == [["a"], ["b"]]

    async def test_without_a_destination_discarding_is_said(
        self, fake_stream, said, start, function, failed, eventually
    ):
        function.answer = lambda _event: failed
        source = fake_stream(one_shard("a"), retries=0)
        start(source)
        await eventually(lambda: source.idle)
        assert said[-1].endswith("1 records discarded (RetryAttemptsExhausted)")

    def test_a_destination_that_is_no_queue_is_refused(self, fake_stream):
        with pytest.raises(ValueError, match="only SQS queues"):
            fake_stream(one_shard(), on_failure_arn="arn:aws:sns:us-east-1:000000000000:topic")

    async def test_bisecting_isolates_a_poison_record_and_keeps_the_order(
        self, fake_stream, start, function, failed, eventually
    ):
        """Splitting takes none of the retries; the record alone gets them all."""
        function.answer = lambda event: failed if "e" in contents(event) else None
        sqs = FakeSqs()
        source = fake_stream(one_shard(*"abcdefgh"), sqs, retries=1, bisects=True, on_failure_arn=DEAD_LETTERS)
        start(source)
        await eventually(lambda: source.idle)
        expected = "abcdefgh abcd efgh ef e e f gh"
        assert ["".join(batch) for batch in function.batches] == expected.split()
        (notice,) = map(json.loads, sqs.sent)
        assert notice["KinesisBatchInfo"]["startSequenceNumber"] == "e"
        assert notice["KinesisBatchInfo"]["batchSize"] == 1
        assert notice["requestContext"]["approximateInvokeCount"] == 2


def reporting(*poison: str) -> Any:
    """Return an answer that reports the poison records among the event's, in reverse order."""

    def answer(event: Any) -> Any:
        failures = [text for text in contents(event) if text in poison]
        return {"batchItemFailures": [{"itemIdentifier": text} for text in reversed(failures)]}

    return answer


class TestReportingItemFailures:
    async def test_a_batch_is_tried_again_from_the_lowest_number_reported(
        self, fake_stream, start, function, eventually
    ):
        """A smaller batch has all of its retries: AWS was seen to do so."""
        function.answer = reporting("c", "e")
        sqs = FakeSqs()
        source = fake_stream(
            one_shard(*"abcde"), sqs, batch_size=5, retries=3, reports_item_failures=True, on_failure_arn=DEAD_LETTERS
        )
        start(source)
        await eventually(lambda: source.idle)
        assert ["".join(batch) for batch in function.batches] == ["abcde", "cde", "cde", "cde", "cde"]
        (notice,) = map(json.loads, sqs.sent)
        assert notice["requestContext"]["approximateInvokeCount"] == 4
        assert notice["responseContext"]["functionError"] is None
        assert notice["KinesisBatchInfo"]["batchSize"] == 3

    async def test_with_bisecting_the_batch_is_cut_at_the_number(self, fake_stream, start, function, eventually):
        function.answer = reporting("c")
        sqs = FakeSqs()
        settings = {"retries": 0, "bisects": True, "reports_item_failures": True, "on_failure_arn": DEAD_LETTERS}
        source = fake_stream(one_shard(*"abcde"), sqs, **settings)
        start(source)
        await eventually(lambda: source.idle)
        assert ["".join(batch) for batch in function.batches] == ["abcde", "cde", "c", "de"]
        assert [json.loads(body)["KinesisBatchInfo"]["batchSize"] for body in sqs.sent] == [1]

    @pytest.mark.parametrize(
        "answer",
        [
            "done",
            {"batchItemFailures": [{"itemIdentifier": ""}]},
            {"batchItemFailures": [{"itemIdentifier": None}]},
            {"batchItemFailures": [{"sequenceNumber": "b"}]},
            {"batchItemFailures": [{"itemIdentifier": "z"}, {"itemIdentifier": "b"}]},
        ],
        ids=repr,
    )
    async def test_an_invalid_answer_is_a_complete_failure(self, answer, fake_stream, start, function, eventually):
        function.answer = lambda _event: answer if len(function.events) == 1 else None
        source = fake_stream(one_shard("a", "b"), reports_item_failures=True)
        start(source)
        await eventually(done(source, function, 4))
        assert function.batches == [["a", "b"], ["a", "b"]]

    async def test_without_it_the_answer_is_ignored(self, fake_stream, start, function, eventually):
        function.answer = reporting("a")
        source = fake_stream(one_shard("a", "b"))
        start(source)
        await eventually(done(source, function, 2))
        assert source.status()["failures"] == 0


def assert_recent(instant: str) -> None:
    moment = datetime.strptime(instant, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 10

"""SQS pollers: which messages are deleted, and what happens when SQS cannot be asked."""

from __future__ import annotations

import json

import pytest

from local.model import Invocation
from tests.local.emulated import make_queue
from tests.local.fake_aws import FakeSqs, refused, unreachable


class TestAcknowledging:
    async def test_only_the_messages_that_did_not_fail_are_deleted(self, fake_queue, start, function, eventually):
        function.answer = lambda _event: {"batchItemFailures": [{"itemIdentifier": "b"}]}
        sqs = FakeSqs("a", "b", "c")
        source = fake_queue(sqs, reports_item_failures=True)
        stop = start(source)
        await eventually(lambda: sqs.deleted)
        await stop()
        assert sqs.deleted == ["a", "c"]
        assert source.status()["failures"] == 1

    @pytest.mark.parametrize(
        "answer",
        [
            "done",
            "",
            0,
            ["a"],
            {"batchItemFailures": "a"},
            {"batchItemFailures": {"itemIdentifier": "a"}},
            {"batchItemFailures": ["a"]},
            {"batchItemFailures": [{"itemIdentifier": ""}]},
            {"batchItemFailures": [{"itemIdentifier": None}]},
            {"batchItemFailures": [{"itemIdentifier": ["a"]}]},
            {"batchItemFailures": [{"messageId": "a"}]},
            {"batchItemFailures": [{"itemIdentifier": "no message of this batch"}]},
            {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "no message of this batch"}]},
            Invocation(b"{not json"),
        ],
        ids=repr,
    )
    async def test_an_invalid_answer_is_a_complete_failure(self, answer, fake_queue, start, function, eventually):
        function.answer = lambda _event: answer
        sqs = FakeSqs("a", "b")
        source = fake_queue(sqs, reports_item_failures=True)
        stop = start(source)
        await eventually(lambda: source.status()["failures"])
        await stop()
        assert sqs.deleted == []

    @pytest.mark.parametrize(
        "answer",
        [None, {}, [], {"batchItemFailures": None}, {"batchItemFailures": []}, {"ok": 1}, Invocation(b"")],
        ids=repr,
    )
    async def test_an_empty_answer_is_a_complete_success(self, answer, fake_queue, start, function, eventually):
        function.answer = lambda _event: answer
        sqs = FakeSqs("a", "b")
        start(fake_queue(sqs, reports_item_failures=True))
        await eventually(lambda: sqs.deleted == ["a", "b"])

    async def test_without_report_batch_item_failures_the_answer_is_ignored(
        self, fake_queue, start, function, eventually
    ):
        function.answer = lambda _event: {"batchItemFailures": [{"itemIdentifier": "a"}]}
        sqs = FakeSqs("a", "b")
        start(fake_queue(sqs))
        await eventually(lambda: sqs.deleted == ["a", "b"])

    async def test_after_a_function_error_messages_return_when_their_visibility_timeout_is_over(
        self, sqs, unique, queue_poller, start, function, failed, said, eventually
    ):
        queue = make_queue(sqs, unique, VisibilityTimeout="1")
        function.answer = lambda _event: failed if len(function.events) == 1 else None
        queue.send("a")
        start(queue_poller(queue))
        await eventually(queue.is_empty)
        assert function.seen == ["a", "a"]
        assert 0.9 < function.times[1] - function.times[0] < 2
        assert function.events[1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
        assert said == [f"{unique} -> Orders: 1 of 1 messages failed (ValueError: boom)"]

    async def test_a_platform_that_raises_has_failed_the_batch(self, fake_queue, start, function, eventually):
        function.answer = lambda _event: {}["no such worker"]
        sqs = FakeSqs("a")
        source = fake_queue(sqs)
        start(source)
        await eventually(lambda: source.status()["failures"])
        assert sqs.deleted == []
        assert "KeyError" in source.status()["last_error"]

    async def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(
        self, sqs, unique, queue_poller, start, function, failed, eventually
    ):
        dead = make_queue(sqs, f"{unique}-dead")
        redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
        queue = make_queue(sqs, unique, VisibilityTimeout="1", RedrivePolicy=redrive)
        function.answer = lambda _event: failed
        queue.send("poison")
        start(queue_poller(queue))
        await eventually(lambda: dead.counts() == (1, 0))
        assert function.seen == ["poison"]


class TestOutage:
    async def test_an_outage_is_survived_and_said_once(self, fake_queue, said, start, eventually):
        sqs = FakeSqs("a")
        sqs.fail("get_queue_url", unreachable(), unreachable())
        sqs.fail("receive_message", unreachable(), refused("InternalError"), unreachable())
        start(fake_queue(sqs))
        await eventually(lambda: sqs.deleted == ["a"])
        begin, over = "trying until it works", "works again"
        assert [line[-len(end) :] for line, end in zip(said, [begin, over] * 2, strict=True)] == [begin, over] * 2

    async def test_a_delete_that_fails_is_tried_again(self, fake_queue, start, function, eventually):
        sqs = FakeSqs("a")
        sqs.fail("delete_message_batch", unreachable(), refused("InternalError"))
        start(fake_queue(sqs))
        await eventually(lambda: sqs.deleted == ["a"])
        assert function.seen == ["a"]

    async def test_a_delete_is_given_up_when_the_message_is_visible_again(self, fake_queue, said, start, eventually):
        sqs = FakeSqs("a", visibility=1)
        sqs.fail("delete_message_batch", *[unreachable()] * 100)
        source = fake_queue(sqs)
        start(source)
        await eventually(lambda: source.status()["batches"] and not source.status()["in_flight"])
        assert sqs.deleted == []
        assert said[-1].endswith("could not be deleted and will come again")

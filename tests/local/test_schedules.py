"""Schedules: asynchronous invocations at their time, with their retries."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local.model import Schedule
from local.sources import Scheduler
from tests.local.fake_aws import FakeSqs


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def scheduler(function, said, sqs):
    def make(every: float, **settings: Any) -> Scheduler:
        return Scheduler(Schedule("Reconcile", every, **settings), sqs=sqs, invoke=function, say=said.append)

    return make


async def test_the_first_firing_comes_after_one_period(scheduler, start, function, eventually):
    began = time.monotonic()
    start(scheduler(0.2))
    await eventually(lambda: len(function.times) == 3)
    gaps = [moment - began for moment in function.times]
    assert all(0.2 * n - 0.02 < gap < 0.2 * n + 0.15 for n, gap in enumerate(gaps, 1))


async def test_the_event_is_the_schedule_s_own(scheduler, start, function, eventually):
    start(scheduler(0.05, event={"task": "expire"}))
    await eventually(lambda: function.events)
    assert function.events[0] == {"task": "expire"}


async def test_without_an_event_it_is_empty(scheduler, start, function, eventually):
    start(scheduler(0.05))
    await eventually(lambda: function.events)
    assert function.events[0] == {}


async def test_an_error_is_tried_again_after_one_and_two_seconds(scheduler, start, function, failed, said, eventually):
    function.answer = lambda _event: failed
    source = scheduler(0.05)
    start(source)
    await eventually(lambda: said)
    first, second, third = function.times[:3]
    assert 0.95 < second - first < 1.5
    assert 1.95 < third - second < 2.5
    assert said == ["schedule -> Reconcile: failed 3 times, given up (ValueError: boom)"]
    assert source.status()["failures"] == 1


async def test_a_retry_that_succeeds_is_not_spoken_of(scheduler, start, function, failed, said, eventually):
    function.answer = lambda _event: failed if len(function.events) == 1 else None
    source = scheduler(0.05, retries=1)
    start(source)
    await eventually(lambda: source.status()["batches"] == 3)
    assert said == []
    assert source.status()["failures"] == 0


async def test_without_retries_an_error_is_said_at_once(scheduler, start, function, failed, said, eventually):
    function.answer = lambda _event: failed
    start(scheduler(0.05, retries=0))
    await eventually(lambda: said)
    assert len(function.events) == 1


async def test_what_is_given_up_is_told_to_the_destination(scheduler, start, function, failed, sqs, eventually):
    function.answer = lambda _event: failed
    start(scheduler(0.05, retries=0, event={"task": "expire"}, on_failure_arn="arn:aws:sqs:us-east-1:000000000000:q"))
    await eventually(lambda: sqs.sent)
    notice = json.loads(sqs.sent[0])
    assert notice["requestPayload"] == {"task": "expire"}
    assert notice["requestContext"]["condition"] == "RetriesExhausted"
    assert notice["responsePayload"] == failed.json()


async def test_while_one_runs_at_most_one_waits(scheduler, start, function, eventually):
    function.seconds = 0.3
    source = scheduler(0.05)
    start(source)
    await eventually(lambda: len(function.finished) == 2)
    assert source.status()["waiting"] <= 1
    assert len(function.events) <= 3
    assert function.most_running == 1


async def test_a_stopped_schedule_lets_an_invocation_end(scheduler, start, function, eventually):
    function.seconds = 0.3
    stop = start(scheduler(0.05))
    await eventually(lambda: function.running)
    await stop()
    assert len(function.finished) == 1
    assert function.running == 0

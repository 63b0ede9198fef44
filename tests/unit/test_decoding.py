"""Batches: what BatchProcessor with pydantic models refuses, the benchmark's peer, is what we refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.memory.others import MemoryFailures
from benchmarks.contestants import kinesis_ours, kinesis_powertools, sqs_ours, sqs_powertools
from benchmarks.decoding import MALFORMED, PAYLOAD, full_stream, queue, stream
from handlers import failing
from tests.events import Context, failures

HANDLERS = {
    "sqs": (sqs_ours.handler, sqs_powertools.handler),
    "kinesis": (kinesis_ours.handler, kinesis_powertools.handler),
}


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tradepost")
    monkeypatch.setattr(failing, "failures", MemoryFailures)


def handled(source: str, event: Any) -> list[list[str]]:
    return [failures(handler(event, Context())) for handler in HANDLERS[source]]


def test_both_read_what_we_write() -> None:
    assert handled("sqs", queue(10)) == handled("kinesis", stream(100)) == [[], []]


@pytest.mark.parametrize(("source", "name"), [(source, name) for source in MALFORMED for name in MALFORMED[source]])
def test_both_refuse_the_same(source: str, name: str) -> None:
    event = MALFORMED[source][name]

    ours, peers = handled(source, event)

    assert ours == peers
    assert len(ours) >= len(event["Records"]) - 1


def test_a_full_payload_is_nearly_all_that_lambda_hands_over() -> None:
    assert 0.999 < len(json.dumps(full_stream(), separators=(",", ":"))) / PAYLOAD <= 1

"""Batches: what BatchProcessor with pydantic models refuses, the benchmark's peer, is what we refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.memory.others import MemoryFailures
from benchmarks.contestants import kinesis_ours, kinesis_powertools, sqs_ours, sqs_powertools
from handlers import failing
from tests.events import Context, failures, kinesis, sqs

ID = "0191c0de-abcd-7000-8000-000000000000"
STOCK = {"type": "stock", "sku": "TEA", "version": 1, "on_hand": 5, "allocated": 0, "shipped_total": 0}
STEP = {"type": "order", "order_id": ID, "version": 1, "status": "PLACED", "reason": None, "total_minor": 5}
AT = {"at": "2026-11-20T12:00:00.123456+00:00"}
MESSAGES: list[Any] = [{"order_id": ID}, "not json", "[]", "null", "7", "{}", {"order_id": None}, {"order_id": 7}]
RECORDS: list[Any] = [
    {**STOCK, **AT},
    {**STEP, **AT},
    b"not json",
    b"\xff\xfe",
    b"[]",
    b"null",
    {},
    {**AT, "type": "weather"},
    STOCK,
    {**STOCK, "at": "yesterday"},
    {**STOCK, "at": None},
    {**STOCK, "at": 7},
    {**STOCK, "at": "2026-11-20T12:00:00"},
    {**STOCK, "at": "9999-12-31T23:59:59+00:00"},
    {**STOCK, "at": "1999-12-31T23:59:59+00:00"},
    {**STOCK, **AT, "sku": None},
    {**STOCK, **AT, "sku": ""},
    {**STOCK, **AT, "sku": "tea"},
    {**STOCK, **AT, "sku": "TEA\n"},
    {**STOCK, **AT, "sku": "X" * 65},
    {**STOCK, **AT, "on_hand": True},
    {**STOCK, **AT, "on_hand": "5"},
    {**STOCK, **AT, "on_hand": -1},
    {**STOCK, **AT, "version": 1.5},
    {**STOCK, **AT, "version": 2**63},
    {**STEP, **AT, "status": "LOST"},
    {**STEP, **AT, "order_id": "nobody"},
    {**STEP, **AT, "order_id": 7},
]


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tradepost")
    monkeypatch.setattr(failing, "failures", MemoryFailures)


def messages() -> dict[str, Any]:
    event = sqs(*MESSAGES)
    for record in event["Records"]:
        record["attributes"] |= {"ApproximateFirstReceiveTimestamp": "1795176000000", "SenderId": "AIDA"}
    return event


def test_a_queues_messages_are_refused_by_both() -> None:
    wrong = [f"m{number}" for number in range(1, len(MESSAGES))]

    assert failures(sqs_ours.handler(messages(), Context())) == wrong
    assert failures(sqs_powertools.handler(messages(), Context())) == wrong


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_a_streams_records_are_refused_by_both(separators: tuple[str, str]) -> None:
    data = [one if isinstance(one, bytes) else json.dumps(one, separators=separators).encode() for one in RECORDS]
    wrong = [f"s{number}" for number in range(2, len(RECORDS))]

    assert failures(kinesis_ours.handler(kinesis(*data), Context())) == wrong
    assert failures(kinesis_powertools.handler(kinesis(*data), Context())) == wrong

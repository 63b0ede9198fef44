"""When readers saw an order's effect: the stream's records, the projection's log, and what follows from both."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.replay.evidence import Outcome
from local.replay.function_log import Batch, Work, tell
from local.replay.stream import StockRecord, visible_at

SHARD = "shardId-000000000000"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(function: str, line: str, at: datetime = NOON) -> dict[str, Any]:
    return {"at": at.isoformat(), "function": function, "request_id": "r", "line": line}


def report_line(ms: float) -> str:
    return f"REPORT RequestId: 8f5-1\tDuration: {ms:.2f} ms\tBilled Duration: 13 ms\tMemory Size: 512 MB"


def test_the_log_tells_each_functions_work_the_busiest_first() -> None:
    told = tell(
        [
            entry("HealthFunction", report_line(1)),
            entry("CreateOrderFunction", report_line(12.5)),
            entry("CreateOrderFunction", "START RequestId: 8f5-1 Version: $LATEST"),
            entry("CreateOrderFunction", report_line(7.5) + "\tInit Duration: 300.00 ms"),
            entry("CreateOrderFunction", '{"message": "REPORT RequestId: x Duration: 9 ms"}'),
        ]
    )
    assert told.functions == [Work("CreateOrderFunction", 2, 20.0, 10.0), Work("HealthFunction", 1, 1.0, 1.0)]


def test_the_log_tells_how_far_the_projection_has_written() -> None:
    line = json.dumps({"level": "INFO", "message": "projected", "records": 3, "until": f"{SHARD}:0042"})
    other = json.dumps({"level": "WARNING", "message": "low stock", "skus": ["TEA"]})
    told = tell(
        [
            entry("ProjectInventoryFunction", line, after(1)),
            entry("ProjectInventoryFunction", other),
            entry("ProjectInventoryFunction", "no JSON"),
            entry("ProjectInventoryFunction", "[]"),
            entry("CreateOrderFunction", line),
        ]
    )
    assert told.batches == [Batch(SHARD, 42, after(1))]


def fulfilled(order_id: str, at: float, **quantities: int) -> Outcome:
    return Outcome(
        order_id=order_id,
        status="FULFILLED",
        reason=None,
        total_minor=500,
        placed_at=NOON,
        confirmed=True,
        fulfilled_at=after(at),
        quantities=quantities,
    )


def stock(sku: str, version: int, at: float, sequence: int) -> StockRecord:
    return StockRecord(sku, version, after(at), SHARD, sequence)


BATCHES = [Batch(SHARD, 10, after(11)), Batch(SHARD, 20, after(12)), Batch(SHARD, 30, after(13))]


def test_an_order_is_visible_with_the_slowest_of_its_skus() -> None:
    records = [stock("TEA", 4, 1.0, 3), stock("MILK", 2, 1.0, 15)]
    assert visible_at([fulfilled("a", 1.1, TEA=1, MILK=1)], records, BATCHES) == {"a": after(12)}


def test_each_order_has_the_version_that_its_own_step_made() -> None:
    records = [stock("TEA", 4, 1.0, 3), stock("TEA", 5, 2.0, 15), stock("TEA", 6, 3.0, 25)]
    orders = [fulfilled("a", 1.5, TEA=1), fulfilled("b", 2.5, TEA=1), fulfilled("c", 3.5, TEA=1)]
    assert visible_at(orders, records, BATCHES) == {"a": after(11), "b": after(12), "c": after(13)}


def test_a_newer_version_that_overtook_shows_the_older_too() -> None:
    records = [stock("TEA", 4, 1.0, 25), stock("TEA", 5, 2.0, 5)]
    assert visible_at([fulfilled("a", 1.5, TEA=1)], records, BATCHES) == {"a": after(11)}


def test_a_record_at_the_very_end_of_a_batch_is_in_it() -> None:
    orders = [fulfilled("a", 1.5, TEA=1)]
    assert visible_at(orders, [stock("TEA", 4, 1.0, 20)], BATCHES) == {"a": after(12)}
    assert visible_at(orders, [stock("TEA", 4, 1.0, 21)], BATCHES) == {"a": after(13)}


@pytest.mark.parametrize(
    "records",
    [[], [stock("MILK", 1, 1.0, 3)], [stock("TEA", 4, 1.0, 31)], [stock("TEA", 5, 9.0, 3)]],
    ids=["no record", "another sku", "never projected", "a later version only"],
)
def test_what_is_not_known_is_not_guessed(records: list[StockRecord]) -> None:
    assert visible_at([fulfilled("a", 1.5, TEA=1)], records, BATCHES) == {}


def test_orders_that_were_not_fulfilled_are_not_waited_for() -> None:
    rejected = replace(fulfilled("a", 1.5, TEA=1), status="REJECTED", fulfilled_at=None)
    assert visible_at([rejected], [stock("TEA", 4, 1.0, 3)], BATCHES) == {}

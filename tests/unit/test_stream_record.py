"""Records of the stream: read alike however their JSON is written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.inventory.projection import OrderStep
from domain.inventory.stock import StockLevel
from domain.orders.order import Order, Reason, Status
from domain.outbox import Message
from handlers import stream_record as module
from handlers.stream_record import stream_record

AT = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
WHOLE_SECOND = AT.replace(microsecond=0)
ID = "0191c0de-abcd-7000-8000-000000000000"


def order(status: Status, reason: Reason | None = None, at: datetime = AT, total: int = 2**53 - 1) -> Order:
    return Order(ID, "ann", status, reason, "GBP", total, 1, AT, at, version=3)


WRITTEN: list[tuple[Message, StockLevel | OrderStep]] = [
    *((level.message(), level) for level in [
        StockLevel("TEA", 100, 10, 7, 12, AT),
        StockLevel("0.A-B_C", 0, 0, 0, 1, WHOLE_SECOND),
        StockLevel("X" * 64, 10**18 - 1, 10**18 - 1, 10**18 - 1, 10**18 - 1, AT),
    ]),
    *((one.message(), OrderStep(one.id, one.status, one.updated_at)) for one in [
        *(order(status) for status in Status),
        *(order(Status.REJECTED, reason) for reason in Reason),
        order(Status.PLACED, at=WHOLE_SECOND, total=0),
    ]),
]  # fmt: skip


def record(text: str) -> dict[str, Any]:
    return {"kinesis": {"data": base64.b64encode(text.encode()).decode()}}


@pytest.mark.parametrize(("message", "said"), WRITTEN, ids=range(len(WRITTEN)))
def test_what_we_write_is_read_without_a_parser(
    message: Message, said: StockLevel | OrderStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "json", None)

    assert stream_record(record(message.text)) == said


def backwards(body: Mapping[str, Any]) -> str:
    return json.dumps(dict(reversed(body.items())))


@pytest.mark.parametrize("written", [json.dumps, backwards], ids=["spaced", "backwards"])
@pytest.mark.parametrize(("message", "said"), WRITTEN, ids=range(len(WRITTEN)))
def test_another_writer_is_read_alike(
    message: Message, said: StockLevel | OrderStep, written: Callable[[Any], str]
) -> None:
    found = stream_record(record(written(message.body)))

    assert (type(found), found) == (type(said), said)


def test_numbers_beyond_the_usual_are_read() -> None:
    level = StockLevel("TEA", 2**63 - 1, 10**18, 2**63 - 1, 2**63 - 1, AT)

    assert stream_record(record(level.message().text)) == level


def test_times_of_other_zones_are_read_in_ours() -> None:
    text = StockLevel("TEA", 1, 1, 1, 1, AT).message().text.replace("12:00:00.123456+00:00", "13:00:00.123456+01:00")

    assert stream_record(record(text)) == StockLevel("TEA", 1, 1, 1, 1, AT)


STOCK, STEP = StockLevel("TEA", 100, 10, 7, 12, AT).message().text, order(Status.PLACED).message().text
WRONG = [
    STOCK.replace(":100,", ":0100,"),
    STOCK.replace(":100,", ":-1,"),
    STOCK.replace(":100,", ":1e2,"),
    STOCK.replace(":100,", ':"100",'),
    STOCK.replace(":100,", f":{2**63},"),
    STOCK.replace(":100,", ":\u0661\u0660\u0660,"),
    STOCK.replace("TEA", "tea"),
    STOCK.replace("TEA", "TEA\\n"),
    STOCK.replace("TEA", "X" * 65),
    STOCK.replace("-11-", "-13-"),
    STOCK.replace("2026", "1999"),
    STOCK.replace("2026", "9000"),
    STOCK.replace("T12", "T25"),
    STOCK.replace("+00:00", ""),
    STOCK.replace("T12:00:00.123456", ""),
    STOCK + "\n}",
    "\ufeff" + STOCK,
    STOCK[:-1],
    STEP.replace("PLACED", "LOST"),
    STEP.replace(ID, ID.upper()),
    STEP.replace(ID, f"{ID}0"),
    STEP.replace(ID, ID.replace("-", "")),
    STEP.replace("-11-20", "-02-30"),
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_nearly_right_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"not a record of ours|delimiter|Expecting value|Extra data|BOM"):
        stream_record(record(text))

"""Reading batches, as `make bench` holds it: nothing is done with what was read, and the same must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from benchmarks import packages
from benchmarks.contest import Contest, Contestant
from domain.inventory.stock import StockLevel
from domain.orders.order import Order, Status
from domain.outbox import Topic
from tests.events import kinesis, sqs

PEER = "BatchProcessor with pydantic models"
PAYLOAD, MOST = 6 * 1024 * 1024, 10_000
"""Bytes and records of one invocation (Lambda quotas, "Invocation payload"; the template's BatchSize)."""
ROUNDS = 7
"""What is asked here is how long a warm call takes, of which a round has many."""
AT = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
WRITTEN_AT_ONCE = 20
"""Records of one transaction, and of one time; a batch of decisions writes up to a thousand."""
ID = "0191c0de-abcd-7000-8000-000000000000"
STOCK: Mapping[str, Any] = StockLevel("TEA", 5, 0, 0, 1, AT).message().body
MALFORMED_MESSAGES: Sequence[Any] = ("not json", "[]", "null", "7", "{}", {"order_id": None}, {"order_id": 7})


def order(order_id: str, at: datetime = AT) -> Order:
    """Return an order that was just placed."""
    return Order(order_id, "ann", Status.PLACED, None, "GBP", 129_900, 1, at, at)


STEP: Mapping[str, Any] = order(ID).message().body
MALFORMED_RECORDS: Sequence[Any] = (
    b"not json",
    b"\xff\xfe",
    b"[]",
    b"null",
    {},
    {**STOCK, "type": "weather"},
    {name: value for name, value in STOCK.items() if name != "at"},
    {**STOCK, "at": "yesterday"},
    {**STOCK, "at": None},
    {**STOCK, "at": 7},
    {**STOCK, "at": "2026-11-20T12:00:00"},
    {**STOCK, "at": "9999-12-31T23:59:59+00:00"},
    {**STOCK, "at": "1999-12-31T23:59:59+00:00"},
    {**STOCK, "sku": None},
    {**STOCK, "sku": ""},
    {**STOCK, "sku": "tea"},
    {**STOCK, "sku": "TEA\n"},
    {**STOCK, "sku": "X" * 65},
    {**STOCK, "on_hand": True},
    {**STOCK, "on_hand": "5"},
    {**STOCK, "on_hand": -1},
    {**STOCK, "version": 1.5},
    {**STOCK, "version": 2**63},
    {**STEP, "status": "LOST"},
    {**STEP, "order_id": "nobody"},
    {**STEP, "order_id": 7},
)


def messages(*bodies: Any) -> dict[str, Any]:
    """Return a queue's event with all that AWS says of a message."""
    event = sqs(*bodies)
    for record in event["Records"]:
        record["attributes"] |= {"ApproximateFirstReceiveTimestamp": "1795176000001", "SenderId": "AIDAIENQZJOLO23YVJ4"}
    return event


def records(*bodies: Any) -> dict[str, Any]:
    """Return a stream's event with numbers as long as AWS's; a body that is no bytes is sent as we write it."""
    event = kinesis(*(one if isinstance(one, bytes) else _compact(one) for one in bodies))
    for number, record in enumerate(event["Records"]):
        sequence = f"4967{number:052}"
        record["kinesis"] |= {"partitionKey": "SKU-00001", "sequenceNumber": sequence}
        record["eventID"] = f"shardId-000000000000:{sequence}"
    return event


def _compact(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def queue(size: int) -> dict[str, Any]:
    """Return an event of so many messages."""
    return messages(*(order(_id(number)).task(Topic.PLACED).text for number in range(size)))


def stream(size: int) -> dict[str, Any]:
    """Return an event of so many records: three of stock for one of an order."""
    return records(*(_body(number) for number in range(size)))


def full_stream() -> dict[str, Any]:
    """Return an event of as many records as Lambda hands over."""
    all_records = stream(MOST)["Records"]
    ends = accumulate(len(json.dumps(one, separators=(",", ":"))) + 1 for one in all_records)
    return {"Records": all_records[: sum(end + len('{"Records":[]}') <= PAYLOAD for end in ends)]}


def _body(number: int) -> Mapping[str, Any]:
    at = AT + timedelta(microseconds=number // WRITTEN_AT_ONCE)
    if number % 4:
        return StockLevel(f"SKU-{number:05}", 1_000_000 - number, 100, number, number, at).message().body
    return order(_id(number), at).message().body


def _id(number: int) -> str:
    return f"{ID[:-12]}{number:012x}"


MALFORMED = {
    "sqs": {"malformed": messages(*MALFORMED_MESSAGES, {"order_id": ID})},
    "kinesis": {
        "malformed": records(*MALFORMED_RECORDS, STOCK),
        "malformed, spaced": records(*(json.dumps(one).encode() for one in MALFORMED_RECORDS if isinstance(one, dict))),
    },
}


def decoding(
    source: str, title: str, event: Callable[[], Any], warm: int
) -> Callable[[], AbstractContextManager[Contest]]:
    """Return a contest for one source and size."""

    @contextmanager
    def contest() -> Iterator[Contest]:
        here = packages.contestants()
        contestants = {
            "ours": Contestant(f"{source}_ours.handler", [here, packages.ours("ProjectInventory")]),
            PEER: Contestant(f"{source}_powertools.handler", [here, packages.peer("powertools")]),
        }
        variables = {"FAILURES_TABLE": "failures"}
        yield Contest(
            title, contestants, event(), variables, MALFORMED[source], stub="decoding", warm=warm, rounds=ROUNDS
        )

    return contest


SIZES: Mapping[str, tuple[str, str, Callable[[], Any], int]] = {
    "sqs_10": ("sqs", "Reading 10 messages", lambda: queue(10), 200),
    "sqs_100": ("sqs", "Reading 100 messages", lambda: queue(100), 100),
    "kinesis_100": ("kinesis", "Reading 100 records", lambda: stream(100), 100),
    "kinesis_1000": ("kinesis", "Reading 1,000 records", lambda: stream(1000), 30),
    "kinesis_full": ("kinesis", "Reading 6 MB of records", full_stream, 9),
}
TITLES = [title for _, title, _, _ in SIZES.values()]
DECODING = {name: decoding(*size) for name, size in SIZES.items()}
"""Contests by the names that ARGS takes."""

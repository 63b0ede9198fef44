"""The stream's function: the newest stock of each sku, counted orders, low stock."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.orders.order import Status
from tests.cloud import Cloud, unique
from tests.events import Context, failures, kinesis
from tests.shop import level, new_id

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def sku() -> str:
    """Return a sku that no other test has."""
    return unique("SKU").upper()


def stock(sku: str, version: int = 1, **numbers: int) -> dict[str, Any]:
    return dict(level(sku, version, at=NOW, **{"on_hand": 100, **numbers}).message().body)


def step(status: str = "PLACED", order_id: str | None = None, at: datetime = NOW) -> dict[str, Any]:
    return {"type": "order", "order_id": order_id or new_id(), "version": 1, "status": status, "at": at.isoformat()}


def seen(sku: str) -> tuple[int, int]:
    from handlers.wiring.views import stock_view  # noqa: PLC0415 - handlers are imported with their variables set

    found = stock_view().read(sku, NOW)
    assert found
    return found.level.version, found.level.on_hand


def counted(minute: datetime) -> Mapping[Status, int]:
    from handlers.wiring.views import order_counts  # noqa: PLC0415 - as above

    return order_counts().counts(minute.replace(second=0))


Letters = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def letters(ministack: Cloud, environment: Any) -> Letters:
    """Return a function that takes the dead letters of the stream."""
    queue = environment["PROJECTION_DEAD_LETTERS_URL"]
    ministack.messages(queue)
    return lambda: [json.loads(one["Body"]) for one in ministack.messages(queue)]


def data_of(letter: dict[str, Any]) -> bytes:
    assert letter["truncated"] is False
    data = str(letter["data"])
    return data.encode() if letter["encoding"] == "text" else base64.b64decode(data)


def test_the_highest_version_of_each_sku_is_projected(invoke: Any, sku: str) -> None:
    records = [stock(sku, 2, on_hand=20), stock(f"{sku}-B", 1), stock(sku, 3, on_hand=30), stock(sku, 1, on_hand=10)]

    assert failures(invoke("project_inventory", kinesis(*records))) == []

    assert seen(sku) == (3, 30)
    assert seen(f"{sku}-B") == (1, 100)


def test_replays_and_stragglers_change_nothing(invoke: Any, sku: str) -> None:
    invoke("project_inventory", kinesis(stock(sku, 3, on_hand=30)))

    for version in (3, 1, 2):
        assert failures(invoke("project_inventory", kinesis(stock(sku, version, on_hand=99)))) == []

    assert seen(sku) == (3, 30)


def test_orders_are_counted_once_by_minute_and_status(invoke: Any) -> None:
    minute = datetime(2020, 1, 1, 12, 5, tzinfo=UTC)
    one, two = step(at=minute), step("CONFIRMED", at=minute + timedelta(seconds=30))

    for _ in range(2):
        assert failures(invoke("project_inventory", kinesis(one, two, one, step("REJECTED", at=minute)))) == []

    assert counted(minute) == {Status.PLACED: 1, Status.CONFIRMED: 1, Status.REJECTED: 2}


MALFORMED = [
    b"not json",
    b"\xff\xfe",
    b"[]",
    b"null",
    {},
    {"type": "weather", "at": NOW.isoformat()},
    {"type": "stock", "sku": "X", "at": NOW.isoformat()},
    {**stock("X"), "at": "yesterday"},
    {**stock("X"), "version": "x"},
    step("LOST"),
    step(order_id="nobody"),
    {**step(), "at": None},
    {**step(), "order_id": 7},
    {**stock("X"), "at": "2026-11-20T12:00:00"},
    {**stock("X"), "at": "9999-12-31T23:59:59+00:00"},
    {**stock("X"), "sku": None},
    {**stock("X"), "sku": ""},
    {**stock("X"), "sku": "x" * 3000},
    {**stock("X"), "on_hand": True},
    {**stock("X"), "on_hand": -1},
    {**stock("X"), "version": 1.5},
    {**stock("X"), "version": 10**40},
]


@pytest.mark.parametrize("malformed", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_record_becomes_a_letter_and_blocks_nothing(
    invoke: Any, sku: str, malformed: Any, log: Any, letters: Letters
) -> None:
    answer = invoke("project_inventory", kinesis(stock(sku), malformed, stock(f"{sku}-B"), step()))

    assert failures(answer) == []
    assert seen(sku) == seen(f"{sku}-B") == (1, 100)
    assert [line["record"] for line in log() if line["level"] == "ERROR"] == ["shardId-000000000000:s1"]
    (letter,) = letters()
    data = malformed if isinstance(malformed, bytes) else json.dumps(malformed).encode()
    assert data_of(letter) == data
    assert (letter["event_id"], letter["partition_key"]) == ("shardId-000000000000:s1", "key")


def test_a_letter_says_why_its_record_cannot_be_read(invoke: Any, letters: Letters) -> None:
    context = Context(function_name="ProjectInventory")

    invoke("project_inventory", kinesis(b"not json"), context)

    (letter,) = letters()
    assert (letter["error"], letter["function"]) == ("JSONDecodeError", "ProjectInventory")
    assert letter["message"].startswith("Expecting value")
    assert letter["request_id"] == context.aws_request_id
    assert datetime.fromisoformat(letter["at"]) >= NOW


@pytest.mark.parametrize("wrong", [{"status": "card 4111"}, {"at": "card 4111"}], ids=range(2))
def test_why_quotes_nothing_that_was_sent(invoke: Any, letters: Letters, wrong: Any) -> None:
    invoke("project_inventory", kinesis({**step(), **wrong}))

    (letter,) = letters()
    assert (letter["error"], letter["message"]) == ("InvalidInput", f"not a record of ours: {next(iter(wrong))}")


def test_records_that_there_is_no_time_to_bury_come_again(invoke: Any, sku: str, letters: Letters) -> None:
    answer = invoke("project_inventory", kinesis(stock(sku), b"not json"), Context(remaining=14_999))

    assert failures(answer) == ["s1"]
    assert seen(sku) == (1, 100)
    assert letters() == []


def test_letters_are_counted(invoke: Any, letters: Letters, capsys: pytest.CaptureFixture[str]) -> None:
    invoke("project_inventory", kinesis(b"1", b"2", b"3"))

    assert len(letters()) == 3
    (number,) = [json.loads(line)["PoisonRecords"] for line in capsys.readouterr().out.splitlines() if "Poison" in line]
    assert number == [3]


def test_a_shard_full_of_malformed_records_goes_on(invoke: Any, sku: str, letters: Letters) -> None:
    """Small ones by ten a call, and large ones alone."""
    records = [*[f"record {number}".encode() for number in range(25)], *[b"x" * 400_000] * 3, stock(sku)]

    assert failures(invoke("project_inventory", kinesis(*records))) == []

    assert seen(sku) == (1, 100)
    assert sorted(data_of(one) for one in letters()) == sorted(records[:-1], key=bytes)


def test_what_cannot_be_put_among_the_letters_fails_and_comes_back(
    invoke: Any, sku: str, rewire: Any, environment: Any, log: Any
) -> None:
    rewire(PROJECTION_DEAD_LETTERS_URL=environment["PROJECTION_DEAD_LETTERS_URL"] + "-gone")

    assert failures(invoke("project_inventory", kinesis(stock(sku), b"not json", step()))) == ["s1"]

    assert seen(sku) == (1, 100)
    assert "not sent: 1 messages" in [line["message"] for line in log()]


def test_a_sku_that_cannot_be_written_fails_with_all_its_records(
    invoke: Any, sku: str, ministack: Cloud, environment: Any
) -> None:
    """Also the older ones: a stream is retried from its lowest failure."""
    table, key = {"TableName": environment["INVENTORY_TABLE"]}, {"sku": {"S": sku}}
    dynamodb = ministack.client("dynamodb")
    dynamodb.put_item(**table, Item={**key, "version": {"S": "no number"}})
    records = [stock(sku, 1), stock(f"{sku}-B"), stock(sku, 2)]

    assert failures(invoke("project_inventory", kinesis(*records))) == ["s0", "s2"]
    assert seen(f"{sku}-B") == (1, 100)
    dynamodb.delete_item(**table, Key=key)  # other tests read the whole table


def test_low_stock_is_reported_by_what_is_available(invoke: Any, sku: str, log: Any) -> None:
    records = [
        stock(f"{sku}-LOW", on_hand=30, allocated=20),
        stock(f"{sku}-FINE", on_hand=11),
        stock(f"{sku}-OUT", on_hand=0),
        stock(f"{sku}-AGAIN", on_hand=0),
        stock(f"{sku}-AGAIN", 2, on_hand=50),
    ]

    invoke("project_inventory", kinesis(*records))

    (line,) = [line for line in log() if line["message"] == "low stock"]
    assert (line["skus"], line["number"]) == ([f"{sku}-LOW", f"{sku}-OUT"], 2)


def test_a_lot_of_low_stock_is_one_short_line(invoke: Any, sku: str, log: Any) -> None:
    invoke("project_inventory", kinesis(*[stock(f"{sku}-{i:02}", on_hand=1) for i in range(30)]))

    (line,) = [line for line in log() if line["message"] == "low stock"]
    assert (len(line["skus"]), line["number"]) == (20, 30)


def test_the_projections_lag_is_measured(invoke: Any, sku: str, capsys: pytest.CaptureFixture[str]) -> None:
    just_now = datetime.now(UTC)
    old = {**stock(sku), "at": (just_now - timedelta(seconds=90)).isoformat()}
    new = {**stock(f"{sku}-B"), "at": just_now.isoformat()}

    invoke("project_inventory", kinesis(new, old, step(at=just_now)))

    (lag,) = [json.loads(line)["ProjectionLag"] for line in capsys.readouterr().out.splitlines() if "Lag" in line]
    assert lag == [pytest.approx(90, abs=10)]


def test_an_event_that_is_no_batch_is_refused(invoke: Any) -> None:
    with pytest.raises(Exception, match=r"(?i)record|event|batch"):
        invoke("project_inventory", {})


def test_a_batch_of_one_kind_only(invoke: Any, sku: str) -> None:
    assert failures(invoke("project_inventory", kinesis(step()))) == []
    assert failures(invoke("project_inventory", kinesis(stock(sku)))) == []

"""What every memory of failures promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.dynamodb.failures import DynamoFailures
from domain.errors import Unavailable
from domain.letters.failures import Attempt, Failure
from tests.cloud import DYNAMODBS, Cloud
from tests.shop import NOON

LATER = NOON + timedelta(minutes=3)


def attempt(record: str = "m1", *, request: str = "request-1", at: Any = NOON) -> Attempt:
    return Attempt(record, "LookupError", "thé, and what else", "ProcessOrders", request, at)


def test_a_first_failure_is_all_that_is_known(failures: Any) -> None:
    failures.record([attempt()])

    assert failures.find(["m1"]) == {"m1": Failure(attempt(), NOON, 1)}


def test_attempts_are_counted_and_the_last_one_kept(failures: Any) -> None:
    last = Attempt("m1", "KeyError", "sku", "UpdateStocks", "request-3", LATER)
    for one in (attempt(), attempt(request="request-2"), last):
        failures.record([one])

    assert failures.find(["m1"]) == {"m1": Failure(last, NOON, 3)}


def test_of_a_message_that_never_failed_nothing_is_known(failures: Any) -> None:
    failures.record([attempt()])

    assert failures.find(["m2"]) == failures.find([]) == {}


def test_more_are_noted_and_found_than_one_call_takes(failures: Any) -> None:
    ids = [f"m{number}" for number in range(105)]
    failures.record([attempt(one) for one in ids])
    failures.record([])

    assert {one: found.times for one, found in failures.find([*ids, *ids]).items()} == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("cloud", DYNAMODBS)
def test_failures_outlive_the_letters_and_expire(cloud: str, request: pytest.FixtureRequest) -> None:
    """Dead-letter queues keep a letter for 14 days."""
    aws: Cloud = request.getfixturevalue(cloud)
    client, table = aws.client("dynamodb"), aws.table("FailuresTable")

    DynamoFailures(client, table, parallel=1).record([attempt()])

    (item,) = client.scan(TableName=table)["Items"]
    assert item["expires_at"] == {"N": str(int((NOON + timedelta(days=15)).timestamp()))}


class Unreachable:
    """DynamoDB when it takes so many writes, and then none."""

    def __init__(self, takes: int) -> None:
        self.left, self.asked = takes, 0

    def update_item(self, **_: Any) -> None:
        self.asked += 1
        if self.asked > self.left:
            raise ConnectionError("out of reach")


@pytest.mark.parametrize(("takes", "most"), [(0, 1), (1, 1 + 8), (20, 1 + 3 * 8)])
def test_what_cannot_be_reached_is_not_asked_again_and_again(takes: int, most: int) -> None:
    dynamodb = Unreachable(takes)

    with pytest.raises(ConnectionError):
        DynamoFailures(dynamodb, "table", parallel=8).record([attempt(f"m{i}") for i in range(100)])  # type: ignore[arg-type] # a stand-in

    assert takes < dynamodb.asked <= most


def test_when_time_is_up_no_more_is_noted() -> None:
    dynamodb = Unreachable(100)

    with pytest.raises(Unavailable):
        DynamoFailures(dynamodb, "table", noting=0).record([attempt(f"m{i}") for i in range(100)])  # type: ignore[arg-type] # as above

    assert dynamodb.asked == 1

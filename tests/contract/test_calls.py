"""What every count of calls promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.dynamodb.calls import DynamoCalls
from tests.cloud import DYNAMODBS, Cloud
from tests.shop import NOON
from tests.together import together

MINUTE = timedelta(minutes=1)


def test_calls_are_counted_within_their_minute(calls: Any) -> None:
    in_order = (NOON, NOON + MINUTE / 2, NOON + MINUTE - timedelta(microseconds=1), NOON + MINUTE, NOON - MINUTE)

    assert [calls.count("login", "203.0.113.7", at) for at in in_order] == [1, 2, 3, 1, 1]


def test_clients_and_operations_are_counted_apart(calls: Any) -> None:
    pairs = [("login", "203.0.113.7"), ("login", "203.0.113.70"), ("login", "2001:db8::/64"), ("reset", "203.0.113.7")]

    assert [calls.count(*pair, NOON) for pair in pairs * 2] == [1] * 4 + [2] * 4


def test_no_call_is_lost_among_many(ministack: Cloud) -> None:
    calls = DynamoCalls(ministack.client("dynamodb"), ministack.table("ThrottleTable"))

    counted = together(50, lambda _: calls.count("login", "203.0.113.7", NOON))

    assert sorted(counted) == list(range(1, 51))


@pytest.mark.parametrize("cloud", DYNAMODBS)
def test_counts_expire(cloud: str, request: pytest.FixtureRequest) -> None:
    aws: Cloud = request.getfixturevalue(cloud)
    client, table = aws.client("dynamodb"), aws.table("ThrottleTable")

    DynamoCalls(client, table).count("login", "203.0.113.7", NOON)

    (item,) = client.scan(TableName=table)["Items"]
    assert item["expires_at"] == {"N": str(int((NOON + timedelta(hours=1)).timestamp()))}

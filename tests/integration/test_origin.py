"""Behind an edge, calls that come past it are refused, and the edge's word of the caller's address counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.http.routes import ROUTES
from tests.cloud import Cloud, unique
from tests.events import caller, http

Rewire = Callable[..., None]
MODULES = ["not_found", *(module for _, _, module in ROUTES if module != "health")]
NEWEST, PREVIOUS = {"x-origin-secret": "new-value"}, {"X-Origin-Secret": "old-value"}


@pytest.fixture
def edge(ministack: Cloud, rewire: Rewire) -> None:
    """Put an edge in front, whose secret has been changed once."""
    made = ministack.client("secretsmanager").create_secret(
        Name=unique("origin"), SecretString=json.dumps({"newest": "new-value", "previous": "old-value"})
    )
    rewire(ORIGIN_SECRET_ID=made["ARN"])


@pytest.fixture
def status(invoke: Any) -> Callable[..., int]:
    """Return a function that asks for a page that anybody may see, and returns the status."""

    def ask(headers: Mapping[str, str]) -> int:
        return int(invoke("get_docs", http("get_docs", headers=headers))["statusCode"])

    return ask


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("module", MODULES)
def test_who_comes_past_the_edge_is_refused_everywhere(invoke: Any, module: str) -> None:
    answer = invoke(
        module, http(module, {}, by=caller(groups="admin"), path={"sku": "TEA", "id": "x", "queue": "orders"})
    )

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["type"]) == (403, "urn:tradepost:problem:past-the-edge")
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "value" not in answer["body"]


def test_who_watches_the_api_past_its_edge_is_answered_and_no_secret_is_asked_for(invoke: Any, rewire: Rewire) -> None:
    """In a service as in a function, whose variables are the same."""
    rewire(ORIGIN_SECRET_ID="arn:of:none", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert invoke("health", http("health"))["statusCode"] == 200


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("headers", [NEWEST, PREVIOUS])
def test_who_comes_through_it_is_answered_with_either_value(
    status: Callable[..., int], headers: Mapping[str, str]
) -> None:
    assert status(headers) == 200


@pytest.mark.usefixtures("edge")
@pytest.mark.parametrize("value", ["", "new-valu", "new-value,new-value", "NEW-VALUE", "new-valuë", "\ud800"])
def test_another_value_is_refused(status: Callable[..., int], value: str) -> None:
    assert status({"x-origin-secret": value}) == 403


def test_nobody_is_let_in_by_sending_nothing_where_there_was_no_previous_value(
    ministack: Cloud, rewire: Rewire, status: Callable[..., int]
) -> None:
    said = json.dumps({"newest": "new-value", "previous": ""})
    made = ministack.client("secretsmanager").create_secret(Name=unique("origin"), SecretString=said)
    rewire(ORIGIN_SECRET_ID=made["ARN"])

    assert [status(headers) for headers in ({}, {"x-origin-secret": ""}, NEWEST)] == [403, 403, 200]


def test_without_an_edge_nothing_is_asked_for(status: Callable[..., int], rewire: Rewire) -> None:
    assert status({}) == 200
    rewire(ORIGIN_SECRET_ID="")
    assert status({"x-origin-secret": "anything"}) == 200


def test_nobody_is_let_in_while_a_new_worker_cannot_read_the_secret(status: Callable[..., int], rewire: Rewire) -> None:
    rewire(
        ORIGIN_SECRET_ID="arn:aws:secretsmanager:eu-west-1:000000000000:secret:any",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )

    assert status(NEWEST) == 503


@pytest.fixture
def throttled(
    ministack: Cloud, environment: Mapping[str, str], invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Return a function that tries to sign in, once a minute at most; nobody has tried before, and the clock stands."""
    dynamodb, table = ministack.client("dynamodb"), environment["THROTTLE_TABLE"]
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
    monkeypatch.setenv("CALLS_PER_MINUTE", "1")
    monkeypatch.setattr("handlers.http.throttle.now", lambda: datetime(2026, 11, 21, 9, 30, tzinfo=UTC))

    def ask(viewer: str, **headers: str) -> int:
        sent = {"true-client-ip": viewer, **headers}
        return int(invoke("login_user", http("login_user", {}, headers=sent, address="192.0.2.1"))["statusCode"])

    return ask


@pytest.mark.usefixtures("edge")
def test_behind_the_edge_calls_are_counted_by_the_address_that_it_saw(throttled: Callable[..., int]) -> None:
    viewers = ["203.0.113.7", "203.0.113.7", "203.0.113.8", "2001:db8::1"]

    assert [throttled(viewer, **NEWEST) for viewer in viewers] == [400, 429, 400, 400]


def test_without_an_edge_nobody_believes_what_a_client_says_of_its_address(throttled: Callable[..., int]) -> None:
    assert [throttled("203.0.113.7"), throttled("203.0.113.8")] == [400, 429]

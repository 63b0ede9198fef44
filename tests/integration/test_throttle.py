"""Calls that check secrets or send mail are limited for each client and minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.http.routes import ROUTES
from tests.cloud import unique
from tests.events import caller
from tests.integration.conftest import Answer, Call
from tests.template import variables

THROTTLED = [module for _, _, module in ROUTES if "THROTTLE_TABLE" in variables(module)]
LIMIT = 3
NOW = datetime(2026, 11, 21, 9, 30, 40, tzinfo=UTC)


class Clock:
    """A clock that stands, until it is set on."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, rewire: Callable[..., None]) -> Clock:
    """Limit calls to three a minute, and stop the clock."""
    clock = Clock()
    rewire(CALLS_PER_MINUTE=str(LIMIT))
    monkeypatch.setattr("handlers.http.throttle.now", clock)
    return clock


@pytest.fixture
def ask(call: Call, clock: Clock, environment: Any, ministack: Any) -> Callable[..., Answer]:
    """Return a function that calls an operation with a body that means nothing; nobody has called before."""
    dynamodb, table = ministack.client("dynamodb"), environment["THROTTLE_TABLE"]
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"id": item["id"]})
    return lambda module, address="203.0.113.7": call(module, {"no": "field"}, by=caller(), address=address)


def statuses(ask: Callable[..., Answer], module: str, *addresses: str) -> list[int]:
    return [ask(module, address).status for address in addresses]


@pytest.mark.parametrize("module", THROTTLED)
def test_who_calls_too_often_is_told_to_wait_for_the_next_minute(
    ask: Callable[..., Answer], clock: Clock, module: str
) -> None:
    """Bad bodies count too: finding out costs calls."""
    assert [ask(module).status for _ in range(LIMIT)] == [400] * LIMIT

    refused = ask(module)

    assert refused.problem() == (429, "too-many-requests")
    assert refused.headers["retry-after"] == "20"
    clock.now += timedelta(seconds=20)
    assert ask(module).status == 400


def test_a_sign_in_is_refused_before_the_password_is_looked_at(call: Call, ask: Callable[..., Answer]) -> None:
    name = unique("ann")
    person = {"username": name, "email": f"{name}@example.com", "name": "Ann Lee", "password": "Correct-horse-7"}
    right = {"username": name, "password": person["password"]}
    call("register_user", person)
    call("confirm_user", {"username": name, "code": "123456"})

    signed_in = [call("login_user", right, address="203.0.113.7").status for _ in range(LIMIT + 1)]

    assert signed_in == [200] * LIMIT + [429]


def test_others_are_not_kept_out(ask: Callable[..., Answer]) -> None:
    assert statuses(ask, "login_user", *["203.0.113.7"] * (LIMIT + 1)) == [400] * LIMIT + [429]

    assert statuses(ask, "login_user", "203.0.113.8", "203.0.113.70", "2001:db8::7") == [400] * 3


def test_a_header_makes_nobody_another_client(call: Call, ask: Callable[..., Answer]) -> None:
    forged = [{"x-forwarded-for": f"198.51.100.{i}", "forwarded": f"for=198.51.100.{i}"} for i in range(LIMIT + 1)]

    answers = [call("login_user", {}, address="203.0.113.7", headers=headers).status for headers in forged]

    assert answers == [400] * LIMIT + [429]


def test_other_operations_are_counted_apart(ask: Callable[..., Answer]) -> None:
    assert statuses(ask, "login_user", *["203.0.113.7"] * (LIMIT + 1)) == [400] * LIMIT + [429]

    others = [module for module in THROTTLED if module != "login_user"]
    assert [ask(module).status for module in others] == [400] * len(others)


def test_a_network_of_ipv6_is_one_client(ask: Callable[..., Answer]) -> None:
    """Whoever has one /64 has 2**64 addresses in it."""
    same = [f"2001:db8:0:1::{number}" for number in range(1, LIMIT)] + ["2001:db8:0:1:ffff:ffff:ffff:ffff"]
    assert statuses(ask, "login_user", *same) == [400] * LIMIT

    assert statuses(ask, "login_user", "2001:DB8:0:1::abcd", "2001:db8:0:2::1") == [429, 400]


def test_an_address_is_the_same_in_either_notation(ask: Callable[..., Answer]) -> None:
    same = ["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "203.0.113.7"]

    assert statuses(ask, "login_user", *same, "::ffff:203.0.113.8") == [400] * LIMIT + [429, 400]


@pytest.mark.parametrize(
    "address", ["", "unknown", "203.0.113.7, 203.0.113.8", "300.1.1.1", "::1%", "\ud800", "x" * 3000]
)
def test_an_address_that_is_none_is_not_counted_but_reported(
    ask: Callable[..., Answer], log: Any, address: str
) -> None:
    assert statuses(ask, "login_user", *[address] * (LIMIT + 1)) == [400] * (LIMIT + 1)

    assert [line["level"] for line in log() if line["message"] == "a call was not counted"] == ["WARNING"] * (LIMIT + 1)


@pytest.mark.parametrize(
    "broken", [{"THROTTLE_TABLE": "no-such-table"}, {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}]
)
def test_calls_that_cannot_be_counted_pass_with_a_warning(
    ask: Callable[..., Answer], rewire: Callable[..., None], log: Any, broken: dict[str, str]
) -> None:
    rewire(**broken)

    assert statuses(ask, "resend_code", *["203.0.113.7"] * (LIMIT + 1)) == [400] * (LIMIT + 1)

    warnings = [line for line in log() if line["message"] == "a call was not counted"]
    assert [line["level"] for line in warnings] == ["WARNING"] * (LIMIT + 1)
    assert {line["operation"] for line in warnings} == {"resend"}
    assert all(line["exception"] for line in warnings)


def test_who_refreshes_tokens_is_not_limited(ask: Callable[..., Answer]) -> None:
    assert statuses(ask, "refresh_tokens", *["203.0.113.7"] * (LIMIT + 2)) == [400] * (LIMIT + 2)

"""One key of one operation: what is answered once is answered again, whatever it is."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NoReturn

import jmespath
import pytest

from domain.errors import Conflict, InFlight, KeyReused
from domain.idempotency import Key
from handlers.http.front_door import front_door
from handlers.http.idempotency import Once
from handlers.http.request import Request
from handlers.http.response import Response
from tests.cloud import unique
from tests.events import Context, http
from tests.integration.idempotency.requests import Store


@pytest.fixture
def once(store: Store) -> Once:
    return Once("operation", store.table)


@pytest.fixture
def request_() -> Request:
    return Request(front_door(http("create_order")), Context())


def never() -> NoReturn:
    raise AssertionError("it was answered already")


@pytest.mark.parametrize("body", [None, {}, [], 0, False, "", 0.1, "é\u2028\U0001f375", {"a": [None, {}]}, [[]]])
def test_every_answer_is_repeated_as_it_was(once: Once, request_: Request, body: Any) -> None:
    key, first = Key(unique(), "asked"), Response(HTTPStatus.CREATED, body, {"location": "/x"})

    assert once(key, request_, lambda: first) == first
    assert once(key, request_, never) == first


def test_a_refusal_that_is_an_answer_is_repeated_too(once: Once, request_: Request) -> None:
    key, first = Key(unique(), "asked"), Response(HTTPStatus.CONFLICT, {"title": "Conflict"})

    assert once(key, request_, lambda: first) == first
    assert once(key, request_, never) == first


def test_what_raises_is_not_repeated(once: Once, request_: Request, store: Store) -> None:
    """Not even when it looks like a fault of the store."""
    key, errors = Key(unique(), "asked"), [Conflict("not now"), ValueError(), KeyError("status"), TimeoutError()]

    for error in errors:

        def fail(error: Exception = error) -> NoReturn:
            raise error

        with pytest.raises(type(error)) as raised:
            once(key, request_, fail)
        assert raised.value is error
        assert store.items() == []

    assert once(key, request_, lambda: Response(HTTPStatus.OK)).status is HTTPStatus.OK


def test_a_key_is_taken_while_its_first_request_is_answered(once: Once, request_: Request) -> None:
    key = Key(unique(), "asked")

    def act() -> Response:
        with pytest.raises(InFlight):
            once(key, request_, never)
        with pytest.raises(KeyReused):
            once(Key(key.scope, "something else"), request_, never)
        return Response(HTTPStatus.OK)

    assert once(key, request_, act).status is HTTPStatus.OK


def test_the_very_first_requests_may_come_at_once(
    monkeypatch: pytest.MonkeyPatch, store: Store, request_: Request
) -> None:
    """A service answers them in threads; Powertools takes its settings at the first of them."""

    def slowly(expression: str) -> Any:
        time.sleep(0.2)
        return compiled(expression)

    compiled = jmespath.compile
    monkeypatch.setattr(jmespath, "compile", slowly)
    once, key, acted = Once("operation", store.table), Key(unique(), "asked"), []

    def act() -> Response:
        acted.append(key)
        time.sleep(0.5)
        return Response(HTTPStatus.OK)

    def ask(_: int) -> HTTPStatus | None:
        try:
            return once(key, request_, act).status
        except InFlight:
            return None

    with ThreadPoolExecutor(2) as threads:
        answers = set(threads.map(ask, range(2)))

    assert answers == {HTTPStatus.OK, None}
    assert len(acted) == len(store.items()) == 1


def test_operations_do_not_share_keys(once: Once, request_: Request, store: Store) -> None:
    key = Key(unique(), "asked")
    once(key, request_, lambda: Response(HTTPStatus.OK))

    other = Once("another", store.table)(key, request_, lambda: Response(HTTPStatus.CREATED))

    assert other.status is HTTPStatus.CREATED


def test_the_longest_order_fits_into_a_record(once: Once, request_: Request, store: Store) -> None:
    """DynamoDB's items end at 400 KB."""
    line = {"sku": "X" * 64, "quantity": 1_000_000, "unit_price_minor": 2**53 - 1}
    first = Response(HTTPStatus.ACCEPTED, {"lines": [line] * 2000})

    once(Key(unique(), "asked"), request_, lambda: first)

    (record,) = store.items()
    assert sum(len(name) + len(*value.values()) for name, value in record.items()) < 400_000

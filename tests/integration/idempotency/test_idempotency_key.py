"""Idempotency-Key, promise by promise (IETF draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.events import Context, http
from tests.integration.conftest import Call
from tests.integration.idempotency.requests import ANN, BOB, BOSS, TEA, Send, Store, done, header
from tests.integration.wire import refused
from tests.shop import Shop


@pytest.mark.parametrize("value", [None, "", "  ", "x" * 256, "k\u00e9y", "a\tb", "a\x7f"])
def test_a_missing_endless_or_unprintable_key_is_refused(send: Send, value: str | None) -> None:
    answer = send(value)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["Idempotency-Key"]


def test_a_key_may_have_255_characters(send: Send, key: str) -> None:
    assert send(key.ljust(255, "x")).status in (201, 202)


def test_the_same_request_gets_the_first_answer_and_happens_once(send: Send, shop: Shop, key: str) -> None:
    first = send(key)
    after_first = done(shop)

    second = send(key)

    assert first.status in (201, 202)
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers.get("location") == first.headers.get("location")
    assert done(shop) == after_first


def test_another_request_under_the_same_key_is_refused(send: Send, shop: Shop, key: str) -> None:
    send(key)
    before = done(shop)

    assert send(key, other=True).problem() == (422, "idempotency-key-reused")
    assert done(shop) == before


@pytest.mark.parametrize(
    "other",
    [
        pytest.param('{ "lines" : [ {"quantity":1,"sku":"TEA"} ] }', id="another order"),
        pytest.param('\n\t{"lines":[{"sku":"TEA","quantity":1}]}\r\n', id="other blanks"),
        pytest.param('{"l\\u0069nes":[{"sku":"\\u0054EA","quantity":1}]}', id="letters escaped"),
        pytest.param('{"lines":[{"sku":" TEA ","quantity":1}]}', id="blanks that we strip"),
        pytest.param('{"lines":[{"sku":"TEA","quantity":1.0}]}', id="a whole number with a point"),
        pytest.param('{"lines":[{"sku":"TEA","quantity":10e-1}]}', id="a whole number with an exponent"),
    ],
)
def test_json_that_means_the_same_is_the_same_request(call: Call, shop: Shop, key: str, other: str) -> None:
    first = call("create_order", TEA, by=ANN, headers=header(key))

    assert call("create_order", other, by=ANN, headers=header(key)).body == first.body


@pytest.mark.parametrize(
    "other",
    [
        pytest.param('{"lines":[{"sku":"TEA","quantity":2}]}', id="another quantity"),
        pytest.param('{"lines":[{"sku":"MILK","quantity":1}]}', id="another sku"),
        pytest.param('{"lines":[{"sku":"TEA","quantity":1},{"sku":"TEA","quantity":1}]}', id="a line twice"),
    ],
)
def test_json_that_means_something_else_is_another_request(call: Call, shop: Shop, key: str, other: str) -> None:
    call("create_order", TEA, by=ANN, headers=header(key))

    answer = call("create_order", other, by=ANN, headers=header(key))

    assert answer.problem() == (422, "idempotency-key-reused")
    assert len(shop.store.orders_of("ann", 100)) == 1


def test_everybody_has_keys_of_their_own(call: Call, shop: Shop, key: str) -> None:
    first = call("create_order", TEA, by=ANN, headers=header(key))
    second = call("create_order", TEA, by=BOB, headers=header(key))

    assert first.status == second.status == 202
    assert first.body["id"] != second.body["id"]


def test_every_operation_has_keys_of_its_own(call: Call, shop: Shop, key: str) -> None:
    body = {"quantity": 1, "reason": "purchase"}

    assert call("create_order", TEA, by=BOSS, headers=header(key)).status == 202
    assert call("receive_stock", body, by=BOSS, path={"sku": "TEA"}, headers=header(key)).status == 201


def test_the_same_key_for_another_path_is_another_request(call: Call, shop: Shop, key: str) -> None:
    body = {"quantity": 1, "reason": "purchase"}
    call("receive_stock", body, by=BOSS, path={"sku": "TEA"}, headers=header(key))

    answer = call("receive_stock", body, by=BOSS, path={"sku": "MILK"}, headers=header(key))

    assert answer.problem() == (422, "idempotency-key-reused")


def test_a_request_that_was_refused_does_not_use_up_its_key(call: Call, shop: Shop, key: str) -> None:
    gold = {"lines": [{"sku": "GOLD", "quantity": 1}]}
    assert call("create_order", gold, by=ANN, headers=header(key)).status == 400
    assert call("create_order", {"lines": []}, by=ANN, headers=header(key)).status == 400

    assert call("create_order", TEA, by=ANN, headers=header(key)).status == 202


def test_a_request_that_is_still_being_answered_is_a_conflict(send: Send, shop: Shop, key: str, store: Store) -> None:
    send(key)
    before = done(shop)
    store.in_progress(seconds=60)

    assert send(key).problem() == (409, "request-in-flight")
    assert done(shop) == before


def test_a_worker_that_died_between_commit_and_answer_made_the_one_order(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    """Its record stays in progress until its time is over; then the database still knows the key."""
    first = send(key)
    before = done(shop)
    store.in_progress(seconds=-0.01)

    second = send(key)

    assert (second.status, second.body) == (first.status, first.body)
    assert done(shop) == before


def test_a_lost_record_does_not_make_a_second_order(send: Send, shop: Shop, key: str, store: Store) -> None:
    first = send(key)
    before = done(shop)
    store.lose()

    second = send(key)

    assert (second.status, second.body) == (first.status, first.body)
    assert done(shop) == before


def test_a_lost_record_does_not_let_another_request_in(send: Send, shop: Shop, key: str, store: Store) -> None:
    send(key)
    before = done(shop)
    store.lose()

    assert send(key, other=True).problem() == (422, "idempotency-key-reused")
    assert done(shop) == before


def test_a_worker_whose_time_is_up_makes_one_order_too(invoke: Any, shop: Shop, key: str) -> None:
    """Powertools once took a remaining time of 0 as unknown, and kept the key for ever (its issue 4759)."""
    event = http("create_order", TEA, by=ANN, headers=header(key))

    first, second = (invoke("create_order", event, Context(remaining=0)) for _ in range(2))

    assert first["statusCode"] == second["statusCode"] == 202
    assert json.loads(first["body"]) == json.loads(second["body"])
    assert done(shop)[0] == 1


def test_without_its_store_nothing_happens(send: Send, shop: Shop, key: str, store: Store) -> None:
    before = done(shop)

    with refused("PutItem", "ResourceNotFoundException"):
        answer = send(key)

    assert answer.problem() == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert done(shop) == before
    assert send(key).status in (201, 202)


def test_a_record_holds_no_token_and_expires(send: Send, key: str, store: Store) -> None:
    send(key)

    (item,) = store.items()

    assert int(item["expiration"]["N"]) == pytest.approx(time.time() + 86_400, abs=60)
    assert key not in json.dumps(item)

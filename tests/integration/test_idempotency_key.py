"""Idempotency-Key, promise by promise (IETF draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.events import Context, caller, http
from tests.integration.conftest import Answer, Call
from tests.shop import Shop
from tests.template import of_type

TEA = {"lines": [{"sku": "TEA", "quantity": 1}]}
TWO_TEAS = {"lines": [{"sku": "TEA", "quantity": 2}]}
ANN, BOB, BOSS = caller("ann"), caller("bob"), caller("boss", "admin")

Send = Callable[..., Answer]


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture(params=["create_order", "receive_stock", "adjust_stock"])
def send(request: pytest.FixtureRequest, call: Call, shop: Shop) -> Send:
    """Return a function that sends a request, or with `other=True` another one, under a key."""

    def order(key: str | None, *, other: bool = False) -> Answer:
        return call("create_order", TWO_TEAS if other else TEA, by=ANN, headers=_header(key))

    def receipt(key: str | None, *, other: bool = False) -> Answer:
        body = {"quantity": 2 if other else 1, "reason": "purchase"}
        return call("receive_stock", body, by=BOSS, path={"sku": "TEA"}, headers=_header(key))

    def adjustment(key: str | None, *, other: bool = False) -> Answer:
        body = {"quantity_change": -2 if other else -1, "reason": "broken"}
        return call("adjust_stock", body, by=BOSS, path={"sku": "TEA"}, headers=_header(key))

    sends: dict[str, Send] = {"create_order": order, "receive_stock": receipt, "adjust_stock": adjustment}
    return sends[request.param]


def _header(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Idempotency-Key": key}


def done(shop: Shop) -> tuple[int, int]:
    """Return how many orders and how many units there are."""
    return len(shop.store.orders_of("ann", 100)), shop.stock("TEA")[0]


@pytest.mark.parametrize("value", [None, "", "  ", "x" * 256])
def test_a_missing_or_endless_key_is_refused(send: Send, value: str | None) -> None:
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


def test_the_same_json_in_another_order_is_the_same_request(call: Call, shop: Shop, key: str) -> None:
    one = '{"lines": [{"sku": "TEA", "quantity": 1}]}'
    other = '{ "lines" : [ {"quantity":1,"sku":"TEA"} ] }'

    first = call("create_order", one, by=ANN, headers=_header(key))

    assert call("create_order", other, by=ANN, headers=_header(key)).body == first.body


def test_everybody_has_keys_of_their_own(call: Call, shop: Shop, key: str) -> None:
    first = call("create_order", TEA, by=ANN, headers=_header(key))
    second = call("create_order", TEA, by=BOB, headers=_header(key))

    assert first.status == second.status == 202
    assert first.body["id"] != second.body["id"]


def test_every_operation_has_keys_of_its_own(call: Call, shop: Shop, key: str) -> None:
    body = {"quantity": 1, "reason": "purchase"}

    assert call("create_order", TEA, by=BOSS, headers=_header(key)).status == 202
    assert call("receive_stock", body, by=BOSS, path={"sku": "TEA"}, headers=_header(key)).status == 201


def test_the_same_key_for_another_path_is_another_request(call: Call, shop: Shop, key: str) -> None:
    body = {"quantity": 1, "reason": "purchase"}
    call("receive_stock", body, by=BOSS, path={"sku": "TEA"}, headers=_header(key))

    answer = call("receive_stock", body, by=BOSS, path={"sku": "MILK"}, headers=_header(key))

    assert answer.problem() == (422, "idempotency-key-reused")


def test_a_request_that_was_refused_does_not_use_up_its_key(call: Call, shop: Shop, key: str) -> None:
    gold = {"lines": [{"sku": "GOLD", "quantity": 1}]}
    assert call("create_order", gold, by=ANN, headers=_header(key)).status == 400
    assert call("create_order", {"lines": []}, by=ANN, headers=_header(key)).status == 400

    assert call("create_order", TEA, by=ANN, headers=_header(key)).status == 202


@pytest.fixture
def record(ministack: Cloud, environment: Any) -> Callable[..., None]:
    """Empty the store; return a function that changes its one record, or with no changes deletes it."""
    client, table = ministack.client("dynamodb"), environment["IDEMPOTENCY_TABLE"]

    def items() -> list[Any]:
        return list(client.scan(TableName=table)["Items"])

    def change(**changes: Any) -> None:
        (item,) = items()
        client.delete_item(TableName=table, Key={"id": item["id"]})
        if changes:
            kept = {name: value for name, value in item.items() if changes.get(name, value) is not None}
            client.put_item(TableName=table, Item={**kept, **{k: v for k, v in changes.items() if v}})

    for item in items():
        client.delete_item(TableName=table, Key={"id": item["id"]})
    return change


def test_a_request_that_is_still_being_answered_is_a_conflict(
    send: Send, shop: Shop, key: str, record: Callable[..., None]
) -> None:
    send(key)
    before = done(shop)
    record(status={"S": "INPROGRESS"}, data=None, in_progress_expiration={"N": str(int(time.time() * 1000) + 60_000)})

    assert send(key).problem() == (409, "request-in-flight")
    assert done(shop) == before


def test_a_worker_that_died_between_commit_and_answer_made_the_one_order(
    send: Send, shop: Shop, key: str, record: Callable[..., None]
) -> None:
    """Its record stays in progress until its time is over; then the database still knows the key."""
    first = send(key)
    before = done(shop)
    record(status={"S": "INPROGRESS"}, data=None, in_progress_expiration={"N": str(int(time.time() * 1000) - 1)})

    second = send(key)

    assert (second.status, second.body) == (first.status, first.body)
    assert done(shop) == before


def test_a_lost_record_does_not_make_a_second_order(
    send: Send, shop: Shop, key: str, record: Callable[..., None]
) -> None:
    first = send(key)
    before = done(shop)
    record()

    second = send(key)

    assert (second.status, second.body) == (first.status, first.body)
    assert done(shop) == before


def test_a_lost_record_does_not_let_another_request_in(
    send: Send, shop: Shop, key: str, record: Callable[..., None]
) -> None:
    send(key)
    before = done(shop)
    record()

    assert send(key, other=True).problem() == (422, "idempotency-key-reused")
    assert done(shop) == before


def test_a_worker_whose_time_is_up_makes_one_order_too(invoke: Any, shop: Shop, key: str) -> None:
    """Powertools once took a remaining time of 0 as unknown, and kept the key for ever (its issue 4759)."""
    event = http("create_order", TEA, by=ANN, headers=_header(key))

    first, second = (invoke("create_order", event, Context(remaining=0)) for _ in range(2))

    assert first["statusCode"] == second["statusCode"] == 202
    assert json.loads(first["body"]) == json.loads(second["body"])
    assert done(shop)[0] == 1


def test_without_its_store_nothing_happens(
    send: Send, shop: Shop, key: str, ministack: Cloud, environment: Any
) -> None:
    client, table = ministack.client("dynamodb"), environment["IDEMPOTENCY_TABLE"]
    before = done(shop)
    client.delete_table(TableName=table)
    try:
        answer = send(key)
    finally:
        properties = of_type("AWS::DynamoDB::Table")["IdempotencyTable"]
        taken = ("AttributeDefinitions", "KeySchema", "BillingMode")
        client.create_table(TableName=table, **{name: properties[name] for name in taken})

    assert answer.problem() == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert done(shop) == before
    assert send(key).status in (201, 202)


def test_a_record_holds_no_token_and_expires(
    send: Send, key: str, ministack: Cloud, environment: Any, record: Callable[..., None]
) -> None:
    send(key)

    (item,) = ministack.client("dynamodb").scan(TableName=environment["IDEMPOTENCY_TABLE"])["Items"]

    assert int(item["expiration"]["N"]) == pytest.approx(time.time() + 86_400, abs=60)
    assert key not in json.dumps(item)

"""The store of answers fails, loses or garbles what it holds: never a second order, and the next try is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import Call
from tests.integration.idempotency.requests import ANN, Send, Store, done, header
from tests.integration.wire import broken
from tests.shop import Shop


def test_when_a_key_cannot_be_written_nothing_happens(send: Send, shop: Shop, key: str, store: Store) -> None:
    before = done(shop)

    with broken("PutItem"):
        refused = send(key)

    assert refused.problem() == (503, "unavailable")
    assert done(shop) == before
    assert send(key).status in (201, 202)


def test_when_only_the_confirmation_of_a_written_key_is_lost_it_is_free_again_in_time(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    """The AWS client tries again, and meets its own record."""
    before = done(shop)

    with broken("PutItem", answer_only=True):
        refused = send(key)

    assert refused.status in (409, 503)
    assert done(shop) == before
    store.in_progress(seconds=-0.01)
    assert send(key).status in (201, 202)


@pytest.mark.parametrize("answer_only", [False, True])
def test_what_was_done_is_answered_though_the_answer_cannot_be_kept(
    send: Send, shop: Shop, key: str, store: Store, *, answer_only: bool
) -> None:
    with broken("UpdateItem", answer_only=answer_only):
        first = send(key)
    after_first = done(shop)
    if not answer_only:
        store.in_progress(seconds=-0.01)

    again = send(key)

    assert first.status in (201, 202)
    assert (again.status, again.body) == (first.status, first.body)
    assert done(shop) == after_first


def test_a_refusal_stays_a_refusal_though_its_key_cannot_be_freed(
    call: Call, shop: Shop, key: str, store: Store
) -> None:
    gold = {"lines": [{"sku": "GOLD", "quantity": 1}]}
    with broken("DeleteItem"):
        refused = call("create_order", gold, by=ANN, headers=header(key))
    shop.sell("GOLD")
    store.in_progress(seconds=-0.01)

    assert refused.problem() == (400, "invalid-input")
    assert call("create_order", gold, by=ANN, headers=header(key)).status == 202


@pytest.mark.parametrize(
    "garbled",
    [
        pytest.param({"status": {"S": "DONE"}}, id="an unknown status"),
        pytest.param({"status": None}, id="no status"),
        pytest.param({"expiration": None}, id="no end"),
        pytest.param({"expiration": {"S": "soon"}}, id="an end that is no time"),
        pytest.param({"data": None}, id="no answer"),
        pytest.param({"data": {"S": ""}}, id="an empty answer"),
        pytest.param({"data": {"S": "null"}}, id="an answer of nothing"),
        pytest.param({"data": {"S": "{}"}}, id="an answer without status"),
        pytest.param({"data": {"S": '{"status": 202, "body":'}}, id="half an answer"),
        pytest.param({"data": {"S": '{"status": 7, "body": null, "headers": {}}'}}, id="an answer that HTTP has not"),
        pytest.param({"data": {"S": "[]"}}, id="a list"),
        pytest.param({"data": {"N": "7"}}, id="a number"),
    ],
)
def test_a_record_that_nobody_can_read_gives_way_to_the_database(
    send: Send, shop: Shop, key: str, store: Store, garbled: dict[str, Any]
) -> None:
    first = send(key)
    after_first = done(shop)
    store.change(**garbled)

    again = send(key)

    assert (again.status, again.body) == (first.status, first.body)
    assert done(shop) == after_first
    assert send(key, other=True).problem() == (422, "idempotency-key-reused")


def test_a_record_that_has_lost_its_fingerprint_lets_nobody_in(send: Send, shop: Shop, key: str, store: Store) -> None:
    send(key)
    before = done(shop)
    store.change(validation=None)

    assert send(key).problem() == (422, "idempotency-key-reused")
    assert done(shop) == before


def test_a_record_that_has_expired_but_is_still_there_counts_as_none(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    """DynamoDB deletes hours late; the database decides what the key stands for."""
    first = send(key)
    after_first = done(shop)
    store.change(expiration={"N": "1"})

    again = send(key)

    assert (again.status, again.body) == (first.status, first.body)
    assert done(shop) == after_first

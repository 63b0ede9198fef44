"""The same key while its first request is still under way, or after that request's worker has died."""

from __future__ import annotations

import time

import pytest

from domain.orders.order import Status
from tests.integration.conftest import Answer, Call
from tests.integration.idempotency.requests import ANN, TEA, Send, Store, done, header
from tests.integration.wire import broken, meanwhile
from tests.shop import Shop


def test_a_second_request_at_the_same_time_is_told_to_wait(send: Send, shop: Shop, key: str, store: Store) -> None:
    second: list[Answer] = []

    with meanwhile("PutItem", lambda: second.append(send(key))):
        first = send(key)

    assert second[0].problem() == (409, "request-in-flight")
    assert first.status in (201, 202)
    assert send(key).body == first.body


def test_another_request_at_the_same_time_is_refused(send: Send, shop: Shop, key: str, store: Store) -> None:
    second: list[Answer] = []

    with meanwhile("PutItem", lambda: second.append(send(key, other=True))):
        first = send(key)

    assert second[0].problem() == (422, "idempotency-key-reused")
    assert first.status in (201, 202)


@pytest.mark.parametrize("remaining", [0, 1])
def test_two_at_once_whose_record_ends_too_early_get_one_answer(
    send: Send, shop: Shop, key: str, store: Store, remaining: int
) -> None:
    """The first one's time is up before it has begun, so the store lets both in; the database lets in one."""
    before, second = done(shop), list[Answer]()

    def once_the_time_is_up() -> None:
        store.in_progress(seconds=-0.01)
        second.append(send(key, remaining=remaining))

    with meanwhile("PutItem", once_the_time_is_up):
        first = send(key, remaining=remaining)

    assert (first.status, first.body) == (second[0].status, second[0].body)
    assert first.status in (201, 202)
    orders, units = done(shop)
    assert (orders - before[0]) + abs(units - before[1]) == 1


def test_two_different_ones_whose_record_ends_too_early_do_not_both_happen(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    before, second = done(shop), list[Answer]()

    def once_the_time_is_up() -> None:
        store.in_progress(seconds=-0.01)
        second.append(send(key, other=True))

    with meanwhile("PutItem", once_the_time_is_up):
        first = send(key, remaining=0)

    assert second[0].status in (201, 202)
    assert first.problem() == (422, "idempotency-key-reused")
    orders, units = done(shop)
    assert (orders - before[0], abs(units - before[1])) in {(1, 0), (0, 2)}


def test_a_record_that_vanishes_while_its_request_is_under_way_makes_one_order(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    before = done(shop)

    with meanwhile("PutItem", store.lose):
        first = send(key)

    again = send(key)
    assert (again.status, again.body) == (first.status, first.body)
    orders, units = done(shop)
    assert (orders - before[0]) + abs(units - before[1]) == 1


def test_a_timed_out_request_holds_its_key_no_longer_than_its_worker_could_live(
    send: Send, shop: Shop, key: str, store: Store
) -> None:
    begun = time.time()
    with broken("UpdateItem"):
        send(key, remaining=60_000)
    ended = time.time()
    (record,) = store.items()
    first = send(key)
    store.in_progress(seconds=-0.01)

    assert (begun + 60) * 1000 - 1 <= int(record["in_progress_expiration"]["N"]) <= (ended + 60) * 1000
    assert first.problem() == (409, "request-in-flight")
    assert send(key).status in (201, 202)


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.FULFILLED, Status.CANCELLED, Status.REJECTED])
def test_the_first_answer_is_replayed_from_the_database_whatever_became_of_the_order(
    call: Call, shop: Shop, key: str, store: Store, status: Status
) -> None:
    order = {"lines": [{"sku": "TEA", "quantity": 11 if status is Status.REJECTED else 1}]}
    first = call("create_order", order, by=ANN, headers=header(key))
    order_id = first.body["id"]
    if status is Status.CANCELLED:
        shop.cancel(order_id)
    else:
        shop.allocate(order_id)
    if status is Status.FULFILLED:
        shop.ship(order_id)
    assert shop.order(order_id).status is status
    store.lose()

    again = call("create_order", order, by=ANN, headers=header(key))

    assert (again.status, again.body) == (202, first.body)
    assert again.body["status"] == "PLACED"
    assert again.headers["location"] == first.headers["location"]


def test_the_first_answer_is_replayed_from_the_database_though_the_product_is_gone(
    call: Call, shop: Shop, key: str, store: Store
) -> None:
    first = call("create_order", TEA, by=ANN, headers=header(key))
    store.lose()
    shop.withdraw("TEA")

    assert call("create_order", TEA, by=ANN, headers=header(key)).body == first.body

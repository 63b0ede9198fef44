"""Idempotency-Key: one key, one order, one answer."""

from __future__ import annotations

import uuid

import pytest

from tests.e2e.shop import Person, Shop, at_once, problem

pytestmark = pytest.mark.xdist_group("e2e")


def test_an_order_without_a_key_is_refused(shop: Shop, customer: Person) -> None:
    body = {"lines": [{"sku": shop.product(stock=1), "quantity": 1}]}
    refused = customer("POST", "/orders", body)
    assert problem(refused) == (400, "invalid-input")
    assert [one["field"] for one in refused.json()["errors"]] == ["Idempotency-Key"]


def test_a_repeat_gets_the_first_answer_whatever_happened_since(shop: Shop, customer: Person) -> None:
    sku, key = shop.product(stock=1), str(uuid.uuid4())
    first = customer.order((sku, 1), key=key)
    assert first.status_code == 202
    customer.sees(first.headers["Location"], "FULFILLED")
    again = customer.order((sku, 1), key=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Location"] == first.headers["Location"]


def test_a_key_is_good_for_one_request_only(shop: Shop, customer: Person) -> None:
    sku, key = shop.product(stock=5), str(uuid.uuid4())
    assert customer.order((sku, 1), key=key).status_code == 202
    assert problem(customer.order((sku, 2), key=key)) == (422, "idempotency-key-reused")


def test_a_refused_request_leaves_its_key_free(shop: Shop, customer: Person) -> None:
    key = str(uuid.uuid4())
    assert customer.order(("NO-SUCH-SKU", 1), key=key).status_code == 400
    assert customer.order((shop.product(stock=1), 1), key=key).status_code == 202


def test_keys_are_each_callers_own(shop: Shop, customer: Person) -> None:
    sku, key = shop.product(stock=5), str(uuid.uuid4())
    other = shop.customer()
    mine, theirs = customer.order((sku, 1), key=key), other.order((sku, 1), key=key)
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["id"] != theirs.json()["id"]


def test_50_requests_at_once_with_one_key_make_one_order(shop: Shop) -> None:
    customer, sku, key = shop.customer(), shop.product(stock=100), str(uuid.uuid4())
    answers = at_once(50, lambda _: customer.order((sku, 1), key=key))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert accepted
    assert {problem(answer) for answer in answers if answer not in accepted} <= {(409, "request-in-flight")}
    assert [answer.json() for answer in accepted] == [accepted[0].json()] * len(accepted)
    again = customer.order((sku, 1), key=key)
    assert (again.status_code, again.json()) == (202, accepted[0].json())
    assert again.headers["Location"] == accepted[0].headers["Location"]
    assert [one["id"] for one in customer.get("/orders")["orders"]] == [accepted[0].json()["id"]]


def test_a_receipt_counts_once(shop: Shop) -> None:
    sku, key = shop.product(), str(uuid.uuid4())
    arrival = {"quantity": 7, "reason": "purchase"}
    first, again = (shop.admin("POST", f"/inventory/{sku}/receipts", arrival, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert shop.stock(sku) == (7, 0)

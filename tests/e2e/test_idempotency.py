"""Idempotency-Key: one key, one order, one answer, through every layer of a running stack."""

from __future__ import annotations

import uuid

import pytest

from tests.e2e.shop import Person, Shop, at_once, problem

pytestmark = pytest.mark.xdist_group("e2e")


def test_a_repeat_gets_the_first_answer_whatever_happened_since(shop: Shop, customer: Person) -> None:
    sku, key = shop.product(stock=1), str(uuid.uuid4())
    first = customer.order((sku, 1), key=key)
    assert first.status_code == 202
    customer.sees(first.headers["Location"], "FULFILLED")
    again = customer.order((sku, 1), key=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Location"] == first.headers["Location"]


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

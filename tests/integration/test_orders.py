"""Customers place, follow, list and cancel their orders."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any

import pytest

from domain.orders.order import Status
from tests.cloud import Cloud
from tests.events import caller, said
from tests.integration.conftest import Call
from tests.shop import Shop

ANN, BOB = caller("ann"), caller("bob")
NOBODYS = "0191c0de-abcd-7000-8000-000000000000"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def new_key() -> dict[str, str]:
    return {"idempotency-key": str(uuid.uuid4())}


def place(call: Call, *lines: tuple[str, int], **request: Any) -> Any:
    body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines or [("TEA", 1)]]}
    return call("create_order", body, **{"by": ANN, "headers": new_key(), **request})


def test_an_order_is_accepted(call: Call, shop: Shop) -> None:
    answer = place(call, ("TEA", 2), (" milk ", 1))

    order = answer.body
    assert answer.status == 202
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert {name: order[name] for name in ("status", "reason", "currency", "total_minor")} == {
        "status": "PLACED",
        "reason": None,
        "currency": "GBP",
        "total_minor": 620,
    }
    assert order["lines"] == [
        {"sku": "TEA", "quantity": 2, "unit_price_minor": 250},
        {"sku": "MILK", "quantity": 1, "unit_price_minor": 120},
    ]
    assert [(step["status"], step["reason"]) for step in order["events"]] == [("PLACED", None)]
    assert RFC3339.fullmatch(order["placed_at"])
    assert RFC3339.fullmatch(order["events"][0]["at"])


def test_an_accepted_order_is_in_the_queue_and_on_the_stream(
    call: Call, shop: Shop, ministack: Cloud, environment: Any
) -> None:
    order = place(call).body

    queued = [json.loads(one["Body"]) for one in ministack.messages(environment["ORDERS_QUEUE_URL"])]
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    assert {"order_id": order["id"]} in queued
    assert [one["status"] for one in streamed if one.get("order_id") == order["id"]] == ["PLACED"]
    assert shop.store.backlog().number == 0


def test_an_order_can_be_read_as_it_was_placed(call: Call, shop: Shop) -> None:
    placed = place(call).body

    answer = call("get_order", by=ANN, path={"id": placed["id"]})

    assert (answer.status, answer.body) == (200, placed)


def test_an_order_shows_what_has_happened_to_it(call: Call, shop: Shop) -> None:
    placed = place(call, ("TEA", 11)).body
    shop.allocate(placed["id"])

    order = call("get_order", by=ANN, path={"id": placed["id"]}).body

    assert (order["status"], order["reason"]) == ("REJECTED", "out_of_stock")
    assert [(step["status"], step["reason"]) for step in order["events"]] == [
        ("PLACED", None),
        ("REJECTED", "out_of_stock"),
    ]


@pytest.mark.parametrize("module", ["get_order", "cancel_order"])
def test_anothers_order_is_not_found(call: Call, shop: Shop, module: str) -> None:
    order = place(call).body

    assert call(module, by=BOB, path={"id": order["id"]}).problem() == (404, "not-found")
    assert shop.order(order["id"]).status is Status.PLACED


@pytest.mark.parametrize("module", ["get_order", "cancel_order"])
@pytest.mark.parametrize("order_id", ["x", "0", NOBODYS, f"urn:uuid:{NOBODYS}", "'; --", "\0"])
def test_an_order_that_does_not_exist_is_not_found(call: Call, module: str, order_id: str) -> None:
    assert call(module, by=ANN, path={"id": order_id}).problem() == (404, "not-found")


def test_skus_that_are_not_sold_are_named(call: Call, shop: Shop) -> None:
    shop.products.add(_inactive())

    answer = place(call, ("TEA", 1), ("GOLD", 1), ("OLD", 1))

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["lines[1].sku", "lines[2].sku"]
    assert "GOLD" in answer.text


def _inactive() -> Any:
    from tests.shop import product  # noqa: PLC0415 - beside its use

    return product("OLD", active=False)


def test_skus_that_cannot_exist_are_named(call: Call, shop: Shop) -> None:
    answer = place(call, ("TEA", 1), ("no such", 1), ("T\u00c9", 1))

    assert answer.fields() == ["lines[1].sku", "lines[2].sku"]


def test_mixed_currencies_are_refused(call: Call, shop: Shop) -> None:
    shop.sell("WINE", 900, currency="EUR")

    assert place(call, ("TEA", 1), ("WINE", 1)).fields() == ["lines"]


def test_an_order_that_no_number_holds_is_refused(call: Call, shop: Shop) -> None:
    """The dearest product, as often as one may ask for it."""
    shop.sell("MOON", 10**12)

    answer = place(call, *[("MOON", 1_000_000)] * 1000)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["lines"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["lines"]),
        ({"lines": []}, ["lines"]),
        ({"lines": "TEA"}, ["lines"]),
        ({"lines": [{}]}, ["lines[0].sku", "lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": 0}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": -1}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": 1.5}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": 1e30}]}, ["lines[0].quantity"]),
        ('{"lines": [{"sku": "TEA", "quantity": 1e999}]}', ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": "1"}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": True}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": 10**30}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "TEA", "quantity": 1_000_001}]}, ["lines[0].quantity"]),
        ({"lines": [{"sku": "", "quantity": 1}]}, ["lines[0].sku"]),
        ({"lines": [{"sku": "TEA", "quantity": 1, "unit_price_minor": 1}]}, ["lines[0].unit_price_minor"]),
        ({"lines": [{"sku": "TEA", "quantity": 1}], "status": "FULFILLED"}, ["status"]),
        ({"lines": [{"sku": "TEA", "quantity": 1}] * 2001}, ["lines"]),
    ],
)
def test_each_broken_rule_is_named(call: Call, shop: Shop, body: Any, fields: list[str]) -> None:
    answer = call("create_order", body, by=ANN, headers=new_key())

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == fields


def test_an_order_may_have_hundreds_of_lines(call: Call, shop: Shop) -> None:
    answer = place(call, *[("TEA", 1), ("MILK", 2)] * 350)

    assert answer.status == 202
    assert len(answer.body["lines"]) == 700


def test_an_order_stands_although_queue_and_stream_are_gone(call: Call, shop: Shop, log: Any, rewire: Any) -> None:
    """What was not sent is logged with the request's id, and waits for the relay."""
    rewire(ORDERS_QUEUE_URL="http://127.0.0.1:1/000000000000/gone", STREAM_NAME="gone")

    answer = place(call)

    assert answer.status == 202
    assert shop.store.backlog().number == 2
    warnings = [line for line in log() if line["level"] == "WARNING"]
    assert ["left to the relay" in line["message"] for line in warnings] == [True, True]
    assert {line["correlation_id"] for line in warnings} == {answer.headers["x-request-id"]}


def test_own_orders_are_listed_newest_first_in_pages(call: Call, shop: Shop) -> None:
    own = [shop.place(("TEA", 1), ("TEA", 1)).id for _ in range(5)]
    shop.place(customer_id="bob")

    pages, cursor = [], None
    while cursor or not pages:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        pages.append(call("list_orders", by=ANN, query=query).body)
        cursor = pages[-1]["next_cursor"]

    assert [one["id"] for page in pages for one in page["orders"]] == own[::-1]
    assert [len(page["orders"]) for page in pages] == [2, 2, 1]
    first = pages[0]["orders"][0]
    assert first["line_count"] == 2
    assert "lines" not in first
    assert "events" not in first


def test_without_orders_the_list_is_empty(call: Call) -> None:
    answer = call("list_orders", by=ANN)

    assert (answer.status, answer.body) == (200, {"orders": [], "next_cursor": None})


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "1.5", "x", "1,2", " 1", "1e1", "\u0661", "000000001000", "1" * 5000]
)
@pytest.mark.parametrize("module", ["list_orders", "list_products"])
def test_a_page_has_from_1_to_100_items(call: Call, module: str, limit: str) -> None:
    answer = call(module, by=ANN, query={"limit": limit})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["limit"]


@pytest.mark.parametrize(
    "cursor", ["!", "x", "\u00e9", encoded("hello there"), encoded("\0"), encoded("'; --"), "//79"]
)
@pytest.mark.parametrize("module", ["list_orders", "list_products"])
def test_a_cursor_is_one_that_we_gave_out(call: Call, module: str, cursor: str) -> None:
    answer = call(module, by=ANN, query={"cursor": cursor})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["cursor"]


def test_an_order_is_cancelled_and_again(call: Call, shop: Shop) -> None:
    order = place(call).body
    shop.allocate(order["id"])

    first = call("cancel_order", by=ANN, path={"id": order["id"]})
    second = call("cancel_order", by=ANN, path={"id": order["id"]})

    assert (first.status, first.body["status"]) == (200, "CANCELLED")
    assert [step["status"] for step in first.body["events"]] == ["PLACED", "CONFIRMED", "CANCELLED"]
    assert (second.status, second.body) == (200, first.body)
    assert shop.stock("TEA") == (10, 0, 0)


@pytest.mark.parametrize("quantity", [1, 11])
def test_it_is_too_late_for_an_order_that_was_shipped_or_rejected(call: Call, shop: Shop, quantity: int) -> None:
    order = shop.place(("TEA", quantity))
    shop.allocate(order.id)
    shop.ship(order.id)

    assert call("cancel_order", by=ANN, path={"id": order.id}).problem() == (409, "conflict")

"""Admins add products and stock; everybody reads them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.events import caller
from tests.integration.conftest import Call
from tests.shop import Shop, level, product

ANN, BOSS = caller("ann"), caller("boss", "staff admin")
TEA = {"sku": "tea", "name": "Tea", "price_minor": 250, "currency": "GBP"}


def test_a_product_is_added_and_read_by_anybody(call: Call) -> None:
    added = call("create_product", {**TEA, "description": "Green \U0001f375"}, by=BOSS)

    assert added.status == 201
    assert added.headers["location"] == "/products/TEA"
    assert {name: added.body[name] for name in ("sku", "name", "description", "price_minor", "currency", "active")} == {
        "sku": "TEA",
        "name": "Tea",
        "description": "Green \U0001f375",
        "price_minor": 250,
        "currency": "GBP",
        "active": True,
    }
    assert added.body["created_at"] == added.body["updated_at"]
    read = call("get_product", path={"sku": "Tea"})
    assert (read.status, read.body) == (200, added.body)


def test_a_sku_is_given_once(call: Call) -> None:
    call("create_product", TEA, by=BOSS)

    assert call("create_product", {**TEA, "sku": "TEA"}, by=BOSS).problem() == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sku": "no such"}, "sku"),
        ({"sku": ""}, "sku"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"description": "nul\0"}, "description"),
        ({"price_minor": -1}, "price_minor"),
        ({"price_minor": 2.5}, "price_minor"),
        ({"price_minor": 10**12 + 1}, "price_minor"),
        ({"currency": "gbp"}, "currency"),
        ({"currency": "GBP\n"}, "currency"),
        ({"active": "yes"}, "active"),
        ({"created_at": "2026-11-20"}, "created_at"),
    ],
)
def test_each_broken_rule_is_named(call: Call, change: dict[str, Any], field: str) -> None:
    answer = call("create_product", {**TEA, **change}, by=BOSS)

    if change == {"currency": "GBP\n"}:  # spaces at the ends do no harm
        assert answer.status == 201
    else:
        assert answer.problem() == (400, "invalid-input")
        assert answer.fields() == [field]


@pytest.mark.parametrize(("sku", "status"), [("GOLD", 404), ("no such", 400), ("\0", 400), ("%", 400)])
def test_a_product_that_does_not_exist(call: Call, sku: str, status: int) -> None:
    assert call("get_product", path={"sku": sku}).problem()[0] == status


def test_active_products_are_listed_in_pages(call: Call, shop: Shop) -> None:
    shop.products.add(product("OLD", active=False))
    shop.products.add(product("A-1"))

    first = call("list_products", query={"limit": "2"}).body
    second = call("list_products", query={"limit": "2", "cursor": first["next_cursor"]}).body

    assert [one["sku"] for one in first["products"] + second["products"]] == ["A-1", "MILK", "TEA"]
    assert second["next_cursor"] is None


def test_a_page_that_is_exactly_full_is_the_last(call: Call, shop: Shop) -> None:
    assert call("list_products", query={"limit": "2"}).body["next_cursor"] is None


def receive(call: Call, sku: str = "TEA", **body: Any) -> Any:
    wanted = {"quantity": 5, "reason": "purchase", **body}
    return call("receive_stock", wanted, by=BOSS, path={"sku": sku}, headers={"idempotency-key": str(uuid.uuid4())})


def test_stock_is_received_and_streamed(call: Call, shop: Shop, ministack: Cloud, environment: Any) -> None:
    answer = receive(call, "tea")

    receipt = answer.body
    assert answer.status == 201
    assert (receipt["sku"], receipt["quantity"], receipt["reason"], receipt["order_id"]) == ("TEA", 5, "purchase", None)
    assert (receipt["actor"], receipt["version"]) == ("boss", 2)
    assert receipt["at"].endswith("Z")
    assert shop.stock("TEA") == (15, 0, 0)
    streamed = [json.loads(one["Data"]) for one in ministack.records(environment["STREAM_NAME"])]
    assert streamed[-1]["on_hand"] == 15


def test_a_return_names_its_order(call: Call, shop: Shop) -> None:
    order = shop.place(("TEA", 1))

    assert receive(call, reason="return", order_id=order.id).body["order_id"] == order.id


@pytest.mark.parametrize("order_id", ["x", "0191c0de-abcd-7000-8000-000000000000", "\0"])
def test_an_order_that_does_not_exist_is_named(call: Call, shop: Shop, order_id: str) -> None:
    answer = receive(call, reason="return", order_id=order_id)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["order_id"]


def test_a_sku_that_is_no_product_is_not_found(call: Call, shop: Shop) -> None:
    assert receive(call, "GOLD").problem() == (404, "not-found")


@pytest.mark.parametrize(
    "change", [{"quantity": 0}, {"quantity": 10**9 + 1}, {"reason": "theft"}, {"order_id": "x" * 37}]
)
def test_a_receipt_that_breaks_a_rule_is_refused(call: Call, shop: Shop, change: dict[str, Any]) -> None:
    answer = receive(call, **change)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == list(change)


def test_a_skus_stock_is_read_from_the_projection(call: Call) -> None:
    from handlers.wiring.views import stock_view  # noqa: PLC0415 - handlers are imported with their variables set

    now = datetime.now(UTC)
    stock_view().write([level("PEAR", 6, on_hand=9, allocated=2, shipped_total=3, at=now)])
    stock_view().write([level("PEAR", 7, on_hand=7, allocated=2, shipped_total=5, at=now)])

    answer = call("get_inventory", by=ANN, path={"sku": "pear"})

    assert answer.status == 200
    assert answer.body.pop("updated_at").endswith("Z")
    assert {name: answer.body[name] for name in ("sku", "on_hand", "allocated", "available", "version")} == {
        "sku": "PEAR",
        "on_hand": 7,
        "allocated": 2,
        "available": 5,
        "version": 7,
    }
    assert answer.body["sold_last_hour"] == 2


def test_a_sku_that_was_never_projected_is_not_found(call: Call) -> None:
    assert call("get_inventory", by=ANN, path={"sku": "GOLD"}).problem() == (404, "not-found")

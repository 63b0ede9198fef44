"""Admins add products and stock; everybody reads them."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.events import caller, said
from tests.integration.conftest import Call
from tests.shop import Shop, level, product

ANN, BOSS = caller("ann"), caller("boss", "staff admin")
TEA = {"sku": "tea", "name": "Tea", "price_minor": 250, "currency": "GBP"}
CHANGE = {name: value for name, value in TEA.items() if name != "sku"}


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


@pytest.mark.parametrize("sku", ["TEA", "tea"])
def test_a_product_is_changed(call: Call, sku: str) -> None:
    added = call("create_product", {**TEA, "description": "Green"}, by=BOSS).body

    wanted = {"name": "Black tea", "price_minor": 275, "currency": "EUR", "active": False}
    changed = call("update_product", wanted, by=BOSS, path={"sku": sku})

    assert changed.status == 200
    assert changed.body == {**added, **wanted, "description": "", "updated_at": changed.body["updated_at"]}
    assert changed.body["updated_at"] >= added["updated_at"]
    assert call("get_product", path={"sku": "TEA"}).body == changed.body


@pytest.mark.parametrize(
    ("change", "field"), [({"sku": "TEA"}, "sku"), ({"name": ""}, "name"), ({"price_minor": None}, "price_minor")]
)
def test_a_change_that_breaks_a_rule_is_refused(call: Call, change: dict[str, Any], field: str) -> None:
    """Also one that names a sku: it stands in the path and stays."""
    call("create_product", TEA, by=BOSS)

    answer = call("update_product", {**CHANGE, **change}, by=BOSS, path={"sku": "TEA"})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == [field]


def test_a_deactivated_product_is_sold_no_longer_but_still_read(call: Call) -> None:
    call("create_product", TEA, by=BOSS)

    for _ in range(2):
        answer = call("delete_product", by=BOSS, path={"sku": "tea"})
        assert (answer.status, answer.text) == (204, "")

    assert call("get_product", path={"sku": "TEA"}).body["active"] is False
    assert call("list_products").body["products"] == []
    order = {"lines": [{"sku": "TEA", "quantity": 1}]}
    assert call("create_order", order, by=ANN, headers={"idempotency-key": "1"}).status == 400
    call("update_product", CHANGE, by=BOSS, path={"sku": "TEA"})
    assert [one["sku"] for one in call("list_products").body["products"]] == ["TEA"]


@pytest.mark.parametrize(("sku", "status"), [("GOLD", 404), ("no such", 400), ("\0", 400)])
def test_what_is_no_product_is_not_changed(call: Call, sku: str, status: int) -> None:
    assert call("update_product", CHANGE, by=BOSS, path={"sku": sku}).problem()[0] == status
    assert call("delete_product", by=BOSS, path={"sku": sku}).problem()[0] == status


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
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    assert streamed[-1]["on_hand"] == 15


def test_a_return_names_its_order(call: Call, shop: Shop) -> None:
    shipped = shop.shipped(("TEA", 5))

    assert receive(call, reason="return", order_id=shipped.id).body["order_id"] == shipped.id
    again = receive(call, reason="return", order_id=shipped.id, quantity=1)
    assert again.problem() == (409, "conflict")
    assert "of which 0 can still come back" in again.body["detail"]


def test_nothing_comes_back_of_an_order_that_has_not_shipped(call: Call, shop: Shop) -> None:
    placed = shop.place(("TEA", 5))

    assert receive(call, reason="return", order_id=placed.id).problem() == (409, "conflict")


@pytest.mark.parametrize("change", [{"reason": "return"}, {"order_id": "0191c0de-abcd-7000-8000-000000000000"}])
def test_a_return_has_an_order_and_a_purchase_has_none(call: Call, shop: Shop, change: dict[str, Any]) -> None:
    answer = receive(call, **change)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["order_id"]


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


def adjust(call: Call, change: Any, sku: str = "TEA", **body: Any) -> Any:
    wanted = {"quantity_change": change, "reason": "broken", **body}
    return call("adjust_stock", wanted, by=BOSS, path={"sku": sku}, headers={"idempotency-key": str(uuid.uuid4())})


def test_stock_is_adjusted_and_streamed(call: Call, shop: Shop, ministack: Cloud, environment: Any) -> None:
    answer = adjust(call, -4, "tea")

    adjusted = answer.body
    assert answer.status == 201
    assert adjusted.pop("id")
    assert adjusted.pop("at").endswith("Z")
    assert adjusted == {"sku": "TEA", "quantity_change": -4, "reason": "broken", "actor": "boss", "version": 2}
    assert shop.stock("TEA") == (6, 0, 0)
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    assert (streamed[-1]["on_hand"], streamed[-1]["version"]) == (6, 2)


def test_what_is_promised_cannot_be_adjusted_away(call: Call, shop: Shop) -> None:
    shop.allocate(shop.place(("TEA", 4)).id)

    assert adjust(call, -7).problem() == (409, "conflict")
    assert shop.stock("TEA") == (10, 4, 0)
    assert adjust(call, -6).status == 201


def test_a_sku_without_stock_cannot_lose_any(call: Call, shop: Shop) -> None:
    shop.sell("WINE")

    assert adjust(call, -1, "WINE").problem() == (409, "conflict")
    assert adjust(call, -1, "GOLD").problem() == (404, "not-found")


@pytest.mark.parametrize(
    "change",
    [
        {"quantity_change": 0},
        {"quantity_change": 1.5},
        {"quantity_change": "1"},
        {"quantity_change": -(10**9) - 1},
        {"reason": " "},
        {"reason": "x" * 201},
        {"reason": "nul\0"},
        {"order_id": None},
    ],
)
def test_an_adjustment_that_breaks_a_rule_is_refused(call: Call, shop: Shop, change: dict[str, Any]) -> None:
    answer = adjust(call, **{"change": 1, **change})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == list(change)


def test_movements_tell_who_when_and_why_newest_first(call: Call, shop: Shop) -> None:
    order = shop.shipped(("TEA", 5))
    receive(call, reason="return", order_id=order.id)
    adjust(call, -2, reason="a mouse \U0001f42d")

    first = call("list_movements", by=BOSS, path={"sku": "tea"}, query={"limit": "2"}).body
    rest = call("list_movements", by=BOSS, path={"sku": "tea"}, query={"cursor": first["next_cursor"]}).body

    moved = first["movements"] + rest["movements"]
    said = [(one["kind"], one["quantity_change"], one["reason"], one["order_id"], one["version"]) for one in moved]
    assert said == [
        ("adjustment", -2, "a mouse \U0001f42d", None, 5),
        ("return", 5, None, order.id, 4),
        ("purchase", 10, None, None, 1),
    ]
    assert {one["actor"] for one in moved} == {"boss"}
    assert all(one["sku"] == "TEA" and one["at"].endswith("Z") for one in moved)
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("position", ["", "TEA", "-1", "1.5", "1" * 19, "\u0661"])
def test_a_cursor_of_movements_that_we_never_gave_out_is_refused(call: Call, shop: Shop, position: str) -> None:
    cursor = base64.urlsafe_b64encode(position.encode()).decode() or "="

    answer = call("list_movements", by=BOSS, path={"sku": "TEA"}, query={"cursor": cursor})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["cursor"]


def test_movements_of_what_is_no_product_are_not_found(call: Call, shop: Shop) -> None:
    shop.sell("WINE")

    assert call("list_movements", by=BOSS, path={"sku": "WINE"}).body == {"movements": [], "next_cursor": None}
    assert call("list_movements", by=BOSS, path={"sku": "GOLD"}).problem() == (404, "not-found")


def test_all_stock_is_listed_in_pages(call: Call) -> None:
    from handlers.wiring.views import stock_view  # noqa: PLC0415 - handlers are imported with their variables set

    skus = [f"PAGE-{i}" for i in range(7)]
    stock_view().write([level(sku, 1, on_hand=9, allocated=2, at=datetime.now(UTC)) for sku in skus])

    listed: list[Any] = []
    query = {"limit": "3"}
    while True:
        page = call("list_inventory", by=BOSS, query=query).body
        listed += page["inventory"]
        if page["next_cursor"] is None:
            break
        assert len(page["inventory"]) == 3
        query = {"limit": "3", "cursor": page["next_cursor"]}

    ours = [one for one in listed if one["sku"] in skus]
    assert sorted(one["sku"] for one in ours) == skus
    assert len({one["sku"] for one in listed}) == len(listed)
    for one in ours:
        assert one == call("get_inventory", by=ANN, path={"sku": one["sku"]}).body


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

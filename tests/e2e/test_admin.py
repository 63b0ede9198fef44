"""What admins do on the running stack: through the front door, with each function's own role."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.e2e.shop import Shop, at_once, problem

pytestmark = pytest.mark.xdist_group("e2e")


def adjust(shop: Shop, sku: str, change: int, key: str | None = None) -> Any:
    body = {"quantity_change": change, "reason": "counted"}
    return shop.admin("POST", f"/inventory/{sku}/adjustments", body, key=key or str(uuid.uuid4()))


def test_an_adjustment_counts_once_and_is_on_record(shop: Shop) -> None:
    sku, key = shop.product(stock=10), str(uuid.uuid4())

    first, again = (adjust(shop, sku, -3, key) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert shop.stock(sku) == (7, 0)
    assert problem(adjust(shop, sku, -8)) == (409, "conflict")
    newest = shop.admin.get(f"/inventory/{sku}/movements?limit=1")
    oldest = shop.admin.get(f"/inventory/{sku}/movements?cursor={newest['next_cursor']}")
    moved = newest["movements"] + oldest["movements"]
    assert [(one["kind"], one["quantity_change"], one["reason"]) for one in moved] == [
        ("adjustment", -3, "counted"),
        ("purchase", 10, None),
    ]
    assert oldest["next_cursor"] is None


def test_what_an_order_shipped_comes_back_once_whoever_takes_it_in(shop: Shop) -> None:
    sku, customer = shop.product(stock=10), shop.customer()
    order = customer.sees(customer.ordered((sku, 3)), "FULFILLED")
    body = {"quantity": 1, "reason": "return", "order_id": order["id"]}

    def take_back(_: int) -> Any:
        return shop.admin("POST", f"/inventory/{sku}/receipts", body, key=str(uuid.uuid4()))

    answers = at_once(6, take_back)

    assert sorted(one.status_code for one in answers) == [201] * 3 + [409] * 3
    assert shop.stock(sku) == (10, 0)
    assert "of which 0 can still come back" in take_back(0).json()["detail"]


def test_pages_of_all_stock_hold_every_sku_once(shop: Shop) -> None:
    ours = {shop.product(stock=i) for i in (1, 2, 3)}

    listed, cursor = [], ""
    while cursor is not None:
        page = shop.admin.get(f"/inventory?limit=7&cursor={cursor}")
        listed += page["inventory"]
        cursor = page["next_cursor"]

    skus = [one["sku"] for one in listed]
    assert ours < set(skus)
    assert len(skus) == len(set(skus))


def test_a_product_is_changed_and_withdrawn(shop: Shop) -> None:
    sku, customer = shop.product(stock=5), shop.customer()
    change = {"name": "A better thing", "price_minor": 300, "currency": "GBP"}

    changed = shop.admin("PUT", f"/products/{sku}", change)

    assert changed.status_code == 200
    assert shop.public.get(f"/products/{sku}") == changed.json()
    assert customer.get(customer.ordered((sku, 1)))["total_minor"] == 300
    for _ in range(2):
        withdrawn = shop.admin("DELETE", f"/products/{sku}")
        assert (withdrawn.status_code, withdrawn.content) == (204, b"")
    assert shop.public.get(f"/products/{sku}")["active"] is False
    assert customer.order((sku, 1)).status_code == 400
    assert problem(customer("DELETE", f"/products/{sku}")) == (403, "forbidden")
    assert problem(shop.admin("PUT", "/products/NONE-SUCH", change)) == (404, "not-found")

"""An order's way through the whole system."""

from __future__ import annotations

import pytest

from tests.e2e.shop import Person, Shop, problem

pytestmark = pytest.mark.xdist_group("e2e")


def test_an_order_is_accepted_fulfilled_and_leaves_the_stock(shop: Shop, customer: Person) -> None:
    sku = shop.product(stock=10, price=299)
    placed = customer.order((sku, 3))
    assert placed.status_code == 202
    order = placed.json()
    assert placed.headers["Location"] == f"/orders/{order['id']}"
    assert (order["status"], order["currency"], order["total_minor"]) == ("PLACED", "GBP", 897)
    assert order["lines"] == [{"sku": sku, "quantity": 3, "unit_price_minor": 299}]
    fulfilled = customer.sees(placed.headers["Location"], "FULFILLED")
    assert [step["status"] for step in fulfilled["events"]] == ["PLACED", "CONFIRMED", "FULFILLED"]
    assert [step["at"] for step in fulfilled["events"]] == sorted(step["at"] for step in fulfilled["events"])
    assert shop.stock(sku) == (7, 0)
    assert customer.get(f"/inventory/{sku}")["sold_last_hour"] == 3


def test_an_order_belongs_to_its_customer_alone(shop: Shop, customer: Person) -> None:
    path = customer.ordered((shop.product(stock=1), 1))
    other = shop.customer()
    assert problem(other("GET", path)) == (404, "not-found")
    assert problem(other("POST", f"{path}/cancel")) == (404, "not-found")
    assert problem(shop.admin("GET", path)) == (404, "not-found")
    assert other.get("/orders")["orders"] == []


def test_a_list_is_paged_without_gap_or_repeat_newest_first(shop: Shop) -> None:
    customer, sku = shop.customer(), shop.product(stock=5)
    placed = [customer.ordered((sku, 1)) for _ in range(5)]
    pages, cursor = [], ""
    while cursor is not None:
        page = customer.get(f"/orders?limit=2{cursor and f'&cursor={cursor}'}")
        pages.append([f"/orders/{one['id']}" for one in page["orders"]])
        cursor = page["next_cursor"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == placed[::-1]


def test_what_is_over_cannot_be_cancelled(shop: Shop, customer: Person) -> None:
    sku = shop.product(stock=1)
    fulfilled, rejected = customer.ordered((sku, 1)), customer.ordered((sku, 2))
    customer.sees(fulfilled, "FULFILLED")
    customer.sees(rejected, "REJECTED")
    assert problem(customer("POST", f"{fulfilled}/cancel")) == (409, "conflict")
    assert problem(customer("POST", f"{rejected}/cancel")) == (409, "conflict")


def test_an_order_that_the_stock_cannot_serve_takes_nothing(shop: Shop, customer: Person) -> None:
    plenty, scarce = shop.product(stock=100), shop.product(stock=1)
    path = customer.ordered((plenty, 1), (scarce, 2))
    rejected = customer.sees(path, "REJECTED")
    assert rejected["reason"] == "out_of_stock"
    assert rejected["events"][-1]["reason"] == "out_of_stock"
    assert shop.stock(plenty) == (100, 0)
    assert shop.stock(scarce) == (1, 0)


def test_a_product_without_any_stock_is_out_of_stock(shop: Shop, customer: Person) -> None:
    path = customer.ordered((shop.product(), 1))
    assert customer.sees(path, "REJECTED")["reason"] == "out_of_stock"


def test_600_lines_with_repeated_skus_in_any_case_are_one_order(shop: Shop, customer: Person) -> None:
    skus = [shop.product(stock=1000, price=price) for price in (1, 20, 300)]
    spellings = [spelling for sku in skus for spelling in (sku, sku.lower(), f" {sku.title()} ")]
    lines = [(spellings[i % 9], 1 + i % 2) for i in range(600)]
    placed = customer.order(*lines)
    assert placed.status_code == 202
    ordered = [(line["sku"], line["quantity"]) for line in placed.json()["lines"]]
    assert ordered == [(spelling.strip().upper(), quantity) for spelling, quantity in lines]
    fulfilled = customer.sees(placed.headers["Location"], "FULFILLED")
    assert fulfilled["lines"] == placed.json()["lines"]
    for sku in skus:
        assert shop.stock(sku) == (1000 - sum(quantity for one, quantity in ordered if one == sku), 0)


def test_an_order_names_what_is_wrong_with_its_lines(shop: Shop, customer: Person) -> None:
    pounds, euros = shop.product(stock=1), shop.product(stock=1, currency="EUR")
    unknown = customer.order((pounds, 1), ("NO-SUCH-SKU", 1))
    assert problem(unknown) == (400, "invalid-input")
    assert [one["field"] for one in unknown.json()["errors"]] == ["lines[1].sku"]
    assert problem(customer.order((pounds, 1), (euros, 1))) == (400, "invalid-input")
    assert problem(customer.order((pounds, 0))) == (400, "invalid-input")
    assert problem(customer.order()) == (400, "invalid-input")

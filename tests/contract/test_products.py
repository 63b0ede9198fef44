"""What every store of products promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict, NotFound
from tests.shop import NOON, product


def test_a_product_comes_back_as_it_was_added(products: Any) -> None:
    tea = replace(product("TEA", 10**12, "JPY", active=False), name="Thé \U0001f375", description="x" * 5000)

    products.add(tea)

    assert products.find(["TEA"]) == {"TEA": tea}


def test_those_that_exist_are_found(products: Any) -> None:
    products.add(product("TEA"))
    products.add(product("MILK", active=False))

    assert set(products.find({"TEA", "MILK", "GOLD"})) == {"TEA", "MILK"}
    assert products.find(set()) == {}


def test_a_sku_is_taken_once(products: Any) -> None:
    products.add(product("TEA", 250))

    with pytest.raises(Conflict, match="TEA"):
        products.add(product("TEA", 300))

    assert products.find(["TEA"])["TEA"].price_minor == 250


def test_a_changed_product_stands_in_its_own_place(products: Any) -> None:
    tea, milk = product("TEA", 250), product("MILK")
    products.add(tea)
    products.add(milk)
    changed = replace(
        tea,
        name="Thé \U0001f375",
        description="x" * 5000,
        price_minor=10**12,
        currency="JPY",
        active=False,
        updated_at=NOON + timedelta(hours=1),
    )

    products.change(changed)

    assert products.find(["TEA", "MILK"]) == {"TEA": changed, "MILK": milk}
    assert list(products.page(10)) == [milk]


def test_only_what_exists_is_changed(products: Any) -> None:
    with pytest.raises(NotFound, match="TEA"):
        products.change(product("TEA"))

    assert products.find(["TEA"]) == {}


def test_active_products_come_in_order_of_sku_in_pages(products: Any) -> None:
    """In the order of their signs' codes, whatever the server's language."""
    skus = ["B", "A_1", "A1", "A.1", "A-1", "A", "9", "10"]
    for sku in skus:
        products.add(product(sku))
    products.add(product("A2", active=False))
    expected = sorted(skus)

    first = [one.sku for one in products.page(5)]
    second = [one.sku for one in products.page(5, after=first[-1])]

    assert first + second == expected
    assert list(products.page(5, after="B")) == []


def test_the_catalogue_may_be_empty(products: Any) -> None:
    assert list(products.page(10)) == []

"""Products and their skus."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.memory.others import MemoryProducts
from domain.catalog.products import (
    WantedProduct,
    add_product,
    change_product,
    deactivate_product,
    get_product,
    normal_sku,
)
from domain.errors import Conflict, InvalidInput, NotFound
from tests.shop import NOON, Clock


@pytest.mark.parametrize(
    ("text", "sku"),
    [("tea", "TEA"), ("  Tea\t", "TEA"), ("0", "0"), ("a-1_b.c", "A-1_B.C"), ("x" * 64, "X" * 64)],
)
def test_a_sku_has_one_spelling(text: str, sku: str) -> None:
    assert normal_sku(text) == sku


@pytest.mark.parametrize(
    "text",
    ["", " ", "-tea", ".tea", "_tea", "te a", "tea\n2", "té", "x" * 65, "tea/2", "te\0a", "\uff11"],
)
def test_other_signs_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        normal_sku(text)

    assert [one.field for one in error.value.problems] == ["sku"]


@pytest.mark.parametrize("text", ["stra\u00dfe", "\ufb01sh", "\u017falt"])
def test_letters_that_turn_into_others_in_upper_case_are_refused(text: str) -> None:
    """Sharp s is "SS" in upper case: what people spell differently must not become one sku by accident."""
    with pytest.raises(InvalidInput):
        normal_sku(text)


def test_a_new_product_is_active_from_now_on() -> None:
    products = MemoryProducts()

    added = add_product(WantedProduct(" tea", "Tea", 250, "GBP"), products, Clock())

    assert (added.sku, added.active, added.created_at, added.updated_at) == ("TEA", True, NOON, NOON)
    assert get_product("tea", products) == added


def test_a_sku_is_given_once() -> None:
    products = MemoryProducts()
    add_product(WantedProduct("tea", "Tea", 250, "GBP"), products, Clock())

    with pytest.raises(Conflict, match="TEA"):
        add_product(WantedProduct("TEA", "Other tea", 300, "GBP"), products, Clock())


def test_an_inactive_product_is_still_found() -> None:
    products = MemoryProducts()
    add_product(WantedProduct("tea", "Tea", 250, "GBP", active=False), products, Clock())

    assert not get_product("TEA", products).active


def test_a_product_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound, match="TEA"):
        get_product("tea", MemoryProducts())


def test_a_product_changes_but_for_its_sku_and_its_beginning() -> None:
    products, clock = MemoryProducts(), Clock()
    add_product(WantedProduct("tea", "Tea", 250, "GBP", "Green"), products, clock)
    clock.tick(hours=1)

    changed = change_product(WantedProduct("Tea ", "Black tea", 275, "EUR", active=False), products, clock)

    assert (changed.sku, changed.name, changed.description, changed.active) == ("TEA", "Black tea", "", False)
    assert (changed.price_minor, changed.currency) == (275, "EUR")
    assert (changed.created_at, changed.updated_at) == (NOON, clock())
    assert get_product("tea", products) == changed


def test_a_product_is_never_changed_before_it_was_made() -> None:
    """Whatever the clocks of different writers say."""
    products, clock = MemoryProducts(), Clock()
    add_product(WantedProduct("tea", "Tea", 250, "GBP"), products, clock)
    clock.tick(hours=-1)

    assert change_product(WantedProduct("tea", "Tea", 300, "GBP"), products, clock).updated_at == NOON


def test_a_deactivated_product_stays_and_can_be_deactivated_again() -> None:
    products, clock = MemoryProducts(), Clock()
    tea = add_product(WantedProduct("tea", "Tea", 250, "GBP"), products, clock)
    clock.tick(hours=1)

    deactivate_product("Tea", products, clock)
    first = get_product("tea", products)
    clock.tick(hours=1)
    deactivate_product("Tea", products, clock)

    assert get_product("tea", products) == first == replace(tea, active=False, updated_at=first.updated_at)
    assert first.updated_at > tea.updated_at


def test_only_what_exists_is_changed_or_deactivated() -> None:
    with pytest.raises(NotFound, match="TEA"):
        change_product(WantedProduct("tea", "Tea", 250, "GBP"), MemoryProducts(), Clock())
    with pytest.raises(NotFound, match="TEA"):
        deactivate_product("tea", MemoryProducts(), Clock())

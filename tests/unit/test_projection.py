"""What readers see, and comparing it with what was decided."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.memory.others import MemoryStockView
from domain.errors import InvalidInput, NotFound
from domain.inventory.projection import get_stock, newest
from domain.inventory.reconciling import PAGE, reconcile
from tests.shop import NOON, Clock, Shop, level

GRACE = timedelta(seconds=60)


def test_newest_keeps_each_skus_highest_version_in_any_order() -> None:
    levels = [level("A", 2), level("B", 9), level("A", 3), level("A", 1), level("B", 8)]

    assert sorted((one.sku, one.version) for one in newest(levels)) == [("A", 3), ("B", 9)]
    assert sorted((one.sku, one.version) for one in newest(reversed(levels))) == [("A", 3), ("B", 9)]
    assert list(newest([])) == []


def test_stock_is_found_however_the_sku_is_spelled() -> None:
    view = MemoryStockView()
    view.write([level("TEA", 3, on_hand=7)])

    assert get_stock(" tea", view, Clock()).level.on_hand == 7


def test_a_sku_without_stock_is_not_found() -> None:
    with pytest.raises(NotFound, match="TEA"):
        get_stock("TEA", MemoryStockView(), Clock())


def test_what_cannot_be_a_sku_is_refused() -> None:
    with pytest.raises(InvalidInput):
        get_stock("no such", MemoryStockView(), Clock())


@pytest.fixture
def view(shop: Shop) -> MemoryStockView:
    """Return a view that agrees with the shop."""
    view = MemoryStockView()
    view.write(shop.store.stock_levels(10))
    shop.clock.tick(hours=1)
    return view


def test_two_sides_that_agree_have_no_difference(shop: Shop, view: MemoryStockView) -> None:
    found = reconcile(shop.store, view, shop.clock, GRACE)

    assert (found.compared, list(found.differences)) == (2, [])


def test_what_was_decided_a_moment_ago_is_no_difference_yet(shop: Shop, view: MemoryStockView) -> None:
    shop.receive("TEA", 1)

    shop.clock.tick(seconds=59)
    assert reconcile(shop.store, view, shop.clock, GRACE).differences == []

    shop.clock.tick(seconds=1)
    (found,) = reconcile(shop.store, view, shop.clock, GRACE).differences
    assert (found.sku, found.decided, found.projected) == ("TEA", shop.level("TEA"), level("TEA", 1))


def test_a_sku_that_was_never_projected_is_a_difference(shop: Shop, view: MemoryStockView) -> None:
    shop.sell("WINE", 900, on_hand=1)
    shop.clock.tick(hours=1)

    (found,) = reconcile(shop.store, view, shop.clock, GRACE).differences

    assert (found.sku, found.projected) == ("WINE", None)


def test_a_sku_that_was_never_decided_is_a_difference_after_the_grace(shop: Shop, view: MemoryStockView) -> None:
    view.write([level("GHOST", at=shop.clock())])

    assert reconcile(shop.store, view, shop.clock, GRACE).differences == []

    shop.clock.tick(minutes=1)
    (found,) = reconcile(shop.store, view, shop.clock, GRACE).differences
    assert (found.sku, found.decided) == ("GHOST", None)


@pytest.mark.parametrize("wrong", [{"on_hand": 9}, {"allocated": 1}, {"shipped_total": 1}])
def test_equal_versions_with_other_numbers_are_a_difference(shop: Shop, wrong: dict[str, int]) -> None:
    view = MemoryStockView()
    view.write([level("MILK", 1), level("TEA", 1, **wrong)])
    shop.clock.tick(hours=1)

    assert [one.sku for one in reconcile(shop.store, view, shop.clock, GRACE).differences] == ["TEA"]


def test_more_than_one_page_is_compared() -> None:
    shop, view = Shop(), MemoryStockView()
    for i in range(PAGE + 1):
        shop.sell(f"SKU-{i:05}", on_hand=1)
    view.write([level(f"SKU-{i:05}", on_hand=1) for i in range(PAGE + 1)])
    shop.clock.now = NOON + timedelta(hours=1)

    found = reconcile(shop.store, view, shop.clock, GRACE)

    assert (found.compared, list(found.differences)) == (PAGE + 1, [])

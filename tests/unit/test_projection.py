"""What readers see, and comparing it with what was decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import pytest

from adapters.memory.decisions import MemoryDecisions
from adapters.memory.others import MemoryStockView
from domain.errors import InvalidInput, NotFound
from domain.inventory.projection import Stock, get_stock, newest
from domain.inventory.reconciling import PAGE, reconcile
from domain.inventory.stock import StockLevel
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


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=36500)], ids=["now", "in a hundred years"])
def test_a_sku_that_was_never_decided_is_a_difference_at_once(
    shop: Shop, view: MemoryStockView, ahead: timedelta
) -> None:
    """It cannot be on its way, and a foreign record may show any time."""
    view.write([level("GHOST", at=shop.clock() + ahead)])

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

    lacking = MemoryStockView()
    lacking.write([level(f"SKU-{i:05}", on_hand=1) for i in range(0, PAGE + 1, 2)])
    assert len(reconcile(shop.store, lacking, shop.clock, GRACE).differences) == PAGE // 2


def test_both_sides_are_read_by_pages() -> None:
    """However many skus there are."""
    asked: list[int] = []

    class Watched(MemoryDecisions):
        def levels_of(self, skus: Collection[str]) -> Sequence[StockLevel]:
            asked.append(len(skus))
            return super().levels_of(skus)

    shop, view = Shop(Watched()), MemoryStockView()
    view.write([level(f"SKU-{i:05}") for i in range(2 * PAGE + 1)])

    reconcile(shop.store, view, shop.clock, GRACE)

    assert asked == [PAGE, PAGE, 1]


WRONG = {
    "behind": level("TEA", 1, on_hand=3),
    "ahead": level("TEA", 99, on_hand=3),
    "other figures": level("TEA", 2, on_hand=3),
    "unknown": level("GHOST", 5),
}


@pytest.mark.parametrize("wrong", [[], *([one] for one in WRONG.values()), list(WRONG.values())[1:]])
def test_a_repaired_view_shows_what_was_decided(shop: Shop, wrong: Sequence[StockLevel]) -> None:
    shop.receive("TEA", 5)
    view = MemoryStockView()
    view.write(wrong)
    shop.clock.tick(hours=1)

    found = reconcile(shop.store, view, shop.clock, GRACE, repair=True)

    assert {one.sku for one in found.repaired} == {"MILK", "TEA", *(one.sku for one in wrong)}
    assert (found.compared, list(found.differences)) == (2, [])
    assert sorted(view.levels(), key=lambda one: one.sku) == shop.store.stock_levels(10)
    assert reconcile(shop.store, view, shop.clock, GRACE, repair=True).repaired == []


def test_a_view_that_is_behind_keeps_what_it_knows_of_sales(shop: Shop, view: MemoryStockView) -> None:
    shop.shipped(("TEA", 4))

    reconcile(shop.store, view, shop.clock, timedelta(0), repair=True)

    assert view.read("TEA", shop.clock()) == Stock(shop.level("TEA"), 4)


def test_nothing_is_repaired_unless_it_is_asked_for(shop: Shop) -> None:
    view = MemoryStockView()

    found = reconcile(shop.store, view, shop.clock, timedelta(0))

    assert (len(found.differences), list(found.repaired), list(view.levels())) == (2, [], [])


def test_what_is_on_its_way_is_not_repaired(shop: Shop, view: MemoryStockView) -> None:
    shop.receive("TEA", 1)

    assert reconcile(shop.store, view, shop.clock, GRACE, repair=True).repaired == []
    assert {one.sku: one.version for one in view.levels()} == {"TEA": 1, "MILK": 1}


class Busy(MemoryStockView):
    """A view that gets a projection right before, and right after, something in it is replaced."""

    def __init__(self, shop: Shop, *, before: int, after: int) -> None:
        super().__init__()
        self.shop, self.before, self.after = shop, before, after

    def replace(self, pairs: Collection[tuple[StockLevel, StockLevel | None]]) -> Mapping[str, Exception]:
        self._project(self.before)
        super().replace(pairs)
        self._project(self.after)
        return {}

    def _project(self, number: int) -> None:
        for _ in range(number):
            self.shop.receive("TEA", 1)
            self.write([self.shop.level("TEA")])


@pytest.mark.parametrize("wrong", list(WRONG.values())[:3], ids=list(WRONG)[:3])
@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (2, 2)])
def test_what_is_decided_during_a_repair_is_not_lost(shop: Shop, wrong: StockLevel, before: int, after: int) -> None:
    """Not even where a version that was never decided had kept it out."""
    shop.receive("TEA", 5)
    view = Busy(shop, before=before, after=after)
    view.write([wrong, shop.level("MILK")])
    shop.clock.tick(hours=1)

    (repaired,) = reconcile(shop.store, view, shop.clock, GRACE, repair=True).repaired

    assert repaired.projected == wrong
    assert view.read("TEA", shop.clock()).level == shop.level("TEA")


def test_what_cannot_be_repaired_lasts_beside_what_can(shop: Shop) -> None:
    class Broken(MemoryStockView):
        def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
            return {**super().write([one for one in levels if one.sku != "TEA"]), "TEA": OSError()}

    found = reconcile(shop.store, Broken(), shop.clock, timedelta(0), repair=True)

    assert [one.sku for one in found.repaired] == ["MILK"]
    assert [one.sku for one in found.differences] == ["TEA"]

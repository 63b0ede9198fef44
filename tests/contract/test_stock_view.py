"""What every projection of the stock promises."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from adapters.dynamodb.stock_view import DynamoStockView
from domain.inventory.projection import Stock
from tests.cloud import Cloud
from tests.shop import NOON, level


def at(time: str) -> datetime:
    """Return a time of the day, as in "12:05" or "12:05:30"."""
    hour, minute, *second = map(int, time.split(":"))
    return NOON.replace(hour=hour, minute=minute, second=second[0] if second else 0)


def ship(view: Any, *shipments: tuple[str, int]) -> None:
    """Write a first level at 08:00, then one level per (time, shipped so far), each alone."""
    for version, (time, total) in enumerate([("08:00", 0), *shipments], 1):
        assert not view.write([level("TEA", version, shipped_total=total, at=at(time))])


def sold(view: Any, time: str) -> int:
    found = view.read("TEA", at(time))
    assert found
    return found.sold_last_hour


def test_a_level_comes_back_as_it_was_written(stock_view: Any) -> None:
    written = level("TEA", 3, on_hand=7, allocated=2, shipped_total=5, at=NOON + timedelta(microseconds=123456))

    assert not stock_view.write([written])

    assert stock_view.read("TEA", NOON) == Stock(written, 0)
    assert stock_view.read("MILK", NOON) is None


def test_nothing_to_write_is_fine(stock_view: Any) -> None:
    assert not stock_view.write([])


@pytest.mark.parametrize("order", [*permutations([1, 2, 3])])
def test_the_newest_version_stays_in_whatever_order_they_come(stock_view: Any, order: tuple[int, ...]) -> None:
    for version in order:
        assert not stock_view.write([level("TEA", version, on_hand=version * 10)])

    found = stock_view.read("TEA", NOON)
    assert (found.level.version, found.level.on_hand) == (3, 30)


def test_the_same_version_changes_nothing(stock_view: Any) -> None:
    stock_view.write([level("TEA", 2, on_hand=20)])
    stock_view.write([level("TEA", 2, on_hand=99)])

    assert stock_view.read("TEA", NOON).level.on_hand == 20


def test_an_older_version_does_not_even_count_for_the_sales_rate(stock_view: Any) -> None:
    ship(stock_view, ("12:00", 5), ("12:10", 8))
    stock_view.write([level("TEA", 2, shipped_total=1, at=at("12:20"))])

    assert sold(stock_view, "12:30") == 8


def test_all_levels_are_listed(stock_view: Any) -> None:
    levels = [level(f"SKU-{i:03}", i + 1, on_hand=i) for i in range(60)]

    assert not stock_view.write(levels)

    assert sorted(stock_view.levels(), key=lambda one: one.sku) == levels
    assert all(stock_view.read(one.sku, NOON).level == one for one in levels[:3])


def test_an_empty_view_lists_nothing(stock_view: Any) -> None:
    assert list(stock_view.levels()) == []
    assert list(stock_view.page(10, NOON)) == []


def test_pages_together_hold_every_sku_once(stock_view: Any) -> None:
    """In an order that stays, so that a page goes on behind any sku of the page before."""
    levels = [level(f"SKU-{i:02}", i + 1, on_hand=i) for i in range(23)]
    stock_view.write(levels)

    whole = [one.level for one in stock_view.page(100, NOON)]
    pages, after = [], None
    while page := stock_view.page(5, NOON, after):
        pages.append([one.level for one in page[:4]])
        after = page[:4][-1].level.sku

    assert sorted(whole, key=lambda one: one.sku) == levels
    assert [one for page in pages for one in page] == whole
    assert [len(page) for page in pages] == [4, 4, 4, 4, 4, 3]


def test_a_page_shows_stock_as_reading_does(stock_view: Any) -> None:
    ship(stock_view, ("12:05", 2), ("12:40", 10))

    assert list(stock_view.page(10, at("12:41"))) == [stock_view.read("TEA", at("12:41"))]
    assert [one.sold_last_hour for one in stock_view.page(10, at("13:05"))] == [8]


def test_what_left_within_the_hour_is_sold(stock_view: Any) -> None:
    ship(stock_view, ("12:05", 2), ("12:05:30", 3), ("12:40", 10))

    assert sold(stock_view, "12:41") == 10
    assert sold(stock_view, "13:04:59") == 10


def test_what_left_an_hour_ago_is_not(stock_view: Any) -> None:
    ship(stock_view, ("12:05", 3), ("12:40", 10))

    assert sold(stock_view, "13:05") == 7
    assert sold(stock_view, "13:39:59") == 7
    assert sold(stock_view, "13:40") == 0
    assert sold(stock_view, "20:00") == 0


def test_the_hour_reaches_across_the_clocks_hours(stock_view: Any) -> None:
    ship(stock_view, ("11:10", 1), ("11:50", 4), ("12:20", 9))

    assert sold(stock_view, "12:30") == 9 - 1
    assert sold(stock_view, "12:49:59") == 9 - 1
    assert sold(stock_view, "12:50") == 9 - 4
    assert sold(stock_view, "13:20") == 0


def test_a_quiet_hour_between_sales_does_no_harm(stock_view: Any) -> None:
    ship(stock_view, ("09:30", 4), ("12:20", 9))

    assert sold(stock_view, "12:30") == 5
    assert sold(stock_view, "13:19") == 5


def test_hours_long_gone_are_forgotten(stock_view: Any) -> None:
    ship(stock_view, ("09:10", 1), ("10:10", 3), ("11:10", 6), ("12:10", 10))

    assert sold(stock_view, "12:05") == 10 - 3
    assert sold(stock_view, "12:10") == 10 - 6
    assert sold(stock_view, "13:09:59") == 4


def test_a_new_sku_that_ships_at_once_has_sold_it(stock_view: Any) -> None:
    """Its receipt and its first shipment may come in one batch, in any order."""
    opening, shipped = level("TEA", 1, at=at("12:00")), level("TEA", 3, shipped_total=2, at=at("12:00"))
    stock_view.write([shipped, opening])

    assert sold(stock_view, "12:01") == 2


def test_what_was_shipped_before_the_first_record_counts_as_long_ago(stock_view: Any) -> None:
    """A view that begins late, as after losing the stream's past, must not invent sales."""
    stock_view.write([level("TEA", 40, shipped_total=1000, at=at("12:00"))])
    stock_view.write([level("TEA", 41, shipped_total=1003, at=at("12:01"))])

    assert sold(stock_view, "12:02") == 3


def test_a_level_takes_the_place_of_the_very_version_that_was_seen(stock_view: Any) -> None:
    """Whatever its own version is."""
    wrong = [level("TEA", 9, on_hand=99), level("MILK", 3, on_hand=99)]
    right = [level("TEA", 2, on_hand=5, shipped_total=7, at=at("12:30")), level("MILK", 3, on_hand=5)]
    stock_view.write([*wrong, level("WINE", 1)])

    assert not stock_view.replace([*zip(wrong, right, strict=True)])

    assert [stock_view.read(one.sku, NOON).level for one in right] == right
    assert stock_view.read("WINE", NOON).level == level("WINE", 1)


def test_a_level_that_nobody_decided_is_taken_away(stock_view: Any) -> None:
    ghost, other = level("GHOST", 4), level("TEA", 4)
    stock_view.write([ghost, other])

    assert not stock_view.replace([(ghost, None)])

    assert stock_view.read("GHOST", NOON) is None
    assert list(stock_view.levels()) == [other]
    assert [one.level for one in stock_view.page(10, NOON)] == [other]
    assert not stock_view.write([level("GHOST", 1)])
    assert stock_view.read("GHOST", NOON).level.version == 1


@pytest.mark.parametrize("instead", [level("TEA", 2), level("TEA", 9), None], ids=["older", "newer", "nothing"])
@pytest.mark.parametrize("seen", [3, 5])
def test_what_was_written_since_it_was_seen_stays(stock_view: Any, seen: int, instead: Any) -> None:
    written = level("TEA", 4, on_hand=44)
    stock_view.write([written])

    assert not stock_view.replace([(level("TEA", seen), instead)])

    assert stock_view.read("TEA", NOON).level == written


def test_what_is_not_there_is_not_replaced(stock_view: Any) -> None:
    assert not stock_view.replace([(level("TEA", 1), level("TEA", 2)), (level("MILK", 1), None)])
    assert not stock_view.replace([])

    assert list(stock_view.levels()) == []


def test_the_sales_rate_begins_anew_where_a_level_was_replaced(stock_view: Any) -> None:
    """What was written before it was wrong, whatever it says of shipments."""
    ship(stock_view, ("10:30", 100), ("11:20", 500), ("12:10", 900))
    seen = stock_view.read("TEA", NOON).level

    stock_view.replace([(seen, level("TEA", 2, shipped_total=40, at=at("11:50")))])
    assert [sold(stock_view, time) for time in ("12:10", "12:40", "13:20")] == [0, 0, 0]

    stock_view.write([level("TEA", 3, shipped_total=43, at=at("12:15"))])
    assert [sold(stock_view, time) for time in ("12:16", "13:14", "13:15")] == [3, 3, 0]


class Counting:
    """A client that counts its writes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        self.writes += name == "update_item"
        return getattr(self._client, name)


def test_a_level_costs_one_write_and_one_more_in_a_new_hour(dynamo: Cloud) -> None:
    client = Counting(dynamo.client("dynamodb"))
    view = DynamoStockView(client, dynamo.table("InventoryTable"), parallel=1)  # type: ignore[arg-type] # a stand-in

    def cost(version: int, time: str) -> int:
        before = client.writes
        assert not view.write([level("TEA", version, at=at(time))])
        return client.writes - before

    assert [cost(1, "11:00"), cost(2, "11:10"), cost(4, "11:20"), cost(3, "11:15")] == [1, 1, 1, 1]
    assert [cost(5, "12:00"), cost(6, "12:01")] == [2, 1]


def test_each_skus_own_error_is_returned_beside_the_others_success(dynamo: Cloud) -> None:
    client, table = dynamo.client("dynamodb"), dynamo.table("InventoryTable")
    client.put_item(TableName=table, Item={"sku": {"S": "BAD"}, "version": {"S": "not a number"}})
    view = DynamoStockView(client, table, parallel=1)

    errors = view.write([level("TEA"), level("BAD"), level("MILK")])

    assert list(errors) == ["BAD"]
    assert view.read("TEA", NOON)
    assert view.read("MILK", NOON)


def test_a_table_that_is_missing_is_each_skus_error(dynamo: Cloud) -> None:
    view = DynamoStockView(dynamo.client("dynamodb"), "nowhere", parallel=1)

    assert sorted(view.write([level("TEA"), level("MILK")])) == ["MILK", "TEA"]
    assert sorted(view.replace([(level("TEA"), level("TEA")), (level("MILK"), None)])) == ["MILK", "TEA"]


class Short:
    """A client whose scans end early, as DynamoDB's do after 1 MB."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def scan(self, **request: Any) -> Any:
        """Scan two items at most."""
        return self._client.scan(**{**request, "Limit": min(2, request["Limit"])})


def test_a_page_is_full_though_a_scan_ended_early(dynamo: Cloud) -> None:
    client, table = dynamo.client("dynamodb"), dynamo.table("InventoryTable")
    DynamoStockView(client, table, parallel=1).write([level(f"SKU-{i}") for i in range(7)])
    view = DynamoStockView(Short(client), table)  # type: ignore[arg-type] # a stand-in

    assert len(view.page(5, NOON)) == 5
    assert len({one.level.sku for one in view.page(10, NOON)}) == 7


def test_an_item_stays_small_however_long_a_sku_sells(ministack: Cloud) -> None:
    """DynamoDB charges by the KB and ends at 400 KB."""
    client, table = ministack.client("dynamodb"), ministack.table("InventoryTable")
    view = DynamoStockView(client, table)
    for version in range(1, 200):
        assert not view.write([level("TEA", version, shipped_total=version, at=NOON + timedelta(minutes=version))])

    item = client.get_item(TableName=table, Key={"sku": {"S": "TEA"}})["Item"]

    assert len(item["sold"]["M"]) + len(item["earlier"]["M"]) <= 120
    assert view.read("TEA", NOON + timedelta(minutes=199)).sold_last_hour == 60


def test_a_view_that_is_written_in_parallel_holds_the_newest_of_each_sku(ministack: Cloud) -> None:
    view = DynamoStockView(ministack.client("dynamodb"), ministack.table("InventoryTable"))
    skus = [f"SKU-{i}" for i in range(20)]
    for version in (2, 1, 3):
        assert not view.write([level(sku, version) for sku in skus])

    assert sorted((one.sku, one.version) for one in view.levels()) == sorted((sku, 3) for sku in skus)

"""What every store of items promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.dynamodb.items import DynamoItems
from adapters.memory.items import MemoryItems
from domain.errors import PreconditionFailed
from domain.items.items import ChangeItem, Item, change_item
from tests.cloud import Cloud
from tests.shop import NOON, Clock, new_id
from tests.together import together


def item(owner_id: str = "ann", name: str = "Lamp") -> Item:
    at = NOON + timedelta(microseconds=123456)
    return Item(new_id(), owner_id, name, "", version=1, created_at=at, updated_at=at)


def after(one: Item, name: str = "Torch") -> Item:
    """Return an item's next version."""
    return replace(one, name=name, version=one.version + 1, updated_at=NOON + timedelta(hours=1))


def test_an_item_comes_back_as_it_was_added(items: Any) -> None:
    added = replace(item(), name="Lámpara \U0001f4a1", description="line\n" * 1000)

    items.add(added)
    items.add(added)

    assert items.get(added.id) == added
    assert items.get(new_id()) is None


def test_a_version_takes_the_place_of_the_one_before(items: Any) -> None:
    first = item()
    items.add(first)

    assert items.replace(after(first))

    assert items.get(first.id) == after(first)


def test_a_version_takes_no_other_place(items: Any) -> None:
    first = item()
    items.add(first)
    items.replace(after(first))

    assert not items.replace(after(first, "Late"))
    assert not items.replace(replace(after(first), version=7))

    assert items.get(first.id) == after(first)


def test_nothing_takes_the_place_of_what_is_not_there(items: Any) -> None:
    missing = after(item())

    assert not items.replace(missing)
    assert items.get(missing.id) is None


def test_an_item_is_removed_in_its_own_version_alone(items: Any) -> None:
    first = item()
    items.add(first)
    items.replace(after(first))

    assert not items.remove(first)
    assert items.get(first.id) == after(first)
    assert items.remove(after(first))
    assert items.get(first.id) is None
    assert not items.remove(after(first))


def test_an_owners_items_come_in_pages_newest_first(items: Any) -> None:
    mine = [item(name=f"Lamp {i}") for i in range(5)]
    for one in [*mine, item("bob"), item("ann2")]:
        items.add(one)
    newest = mine[::-1]

    assert items.page("ann", 2) == newest[:2]
    assert items.page("ann", 2, newest[1].id) == newest[2:4]
    assert items.page("ann", 2, newest[3].id) == newest[4:]
    assert items.page("ann", 100) == newest
    assert items.page("nobody", 100) == []


def test_a_page_shows_items_as_they_are_now(items: Any) -> None:
    changed, removed = item(), item()
    items.add(changed)
    items.add(removed)
    items.replace(after(changed))
    items.remove(removed)

    assert items.page("ann", 100) == [after(changed)]


@pytest.fixture(params=["memory", "ministack"])
def threadsafe_items(request: pytest.FixtureRequest) -> Any:
    """Return a store that threads may use at once, as they may not use moto's."""
    if request.param == "memory":
        return MemoryItems()
    cloud: Cloud = request.getfixturevalue("ministack")
    return DynamoItems(cloud.client("dynamodb"), cloud.table("ItemsTable"))


def test_of_all_who_change_one_version_at_once_one_wins(threadsafe_items: Any) -> None:
    items, first = threadsafe_items, item()
    items.add(first)

    def change(i: int) -> Item:
        wish = ChangeItem(first.id, "ann", f"Lamp {i}", "", expected={1})
        return change_item(wish, items=items, clock=Clock())

    results = together(8, change)

    (won,) = [one for one in results if isinstance(one, Item)]
    assert [type(one) for one in results if one is not won] == [PreconditionFailed] * 7
    assert items.get(first.id) == won


def test_a_page_of_large_items_is_whole(moto: Cloud) -> None:
    """DynamoDB's queries end at 1 MB, wherever that is."""
    items = DynamoItems(moto.client("dynamodb"), moto.table("ItemsTable"))
    large = [replace(item(), description="\U0001f4a1" * 5000) for _ in range(60)]
    for one in large:
        items.add(one)

    assert items.page("ann", 55) == large[:4:-1]

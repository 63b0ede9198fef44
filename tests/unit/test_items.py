"""Items belong to one person, and a change may expect a version."""

from __future__ import annotations

import pytest

from adapters.memory.items import MemoryItems
from domain.errors import Conflict, NotFound, PreconditionFailed
from domain.items.items import (
    TRIES,
    AddItem,
    ChangeItem,
    Item,
    RemoveItem,
    add_item,
    change_item,
    get_item,
    remove_item,
)
from tests.shop import NOON, Clock, new_id


class Shelf(MemoryItems):
    """A store in which somebody else comes first, that many times."""

    def __init__(self, rivals: int = 0) -> None:
        super().__init__()
        self.rivals = rivals

    def replace(self, item: Item) -> bool:
        self._rival(item.id)
        return super().replace(item)

    def remove(self, item: Item) -> bool:
        self._rival(item.id)
        return super().remove(item)

    def _rival(self, item_id: str) -> None:
        if self.rivals:
            self.rivals -= 1
            held = self._items[item_id]
            self._items[item_id] = Item(**{**vars(held), "version": held.version + 1})


def add(items: MemoryItems, owner_id: str = "ann") -> Item:
    return add_item(AddItem(owner_id, "Lamp", "Bright"), items=items, clock=Clock(), new_id=new_id)


def change(items: MemoryItems, item: Item, expected: set[int] | None = None, by: str = "ann") -> Item:
    clock = Clock()
    clock.tick(hours=1)
    return change_item(ChangeItem(item.id, by, "Torch", "", expected), items=items, clock=clock)


def test_an_item_begins_with_version_one() -> None:
    items = MemoryItems()

    added = add(items)

    assert (added.owner_id, added.name, added.description, added.version) == ("ann", "Lamp", "Bright", 1)
    assert added.created_at == added.updated_at == NOON
    assert get_item(added.id, "ann", items) == added


def test_a_change_is_the_next_version_of_the_same_item() -> None:
    items = MemoryItems()
    added = add(items)

    changed = change(items, added)

    assert (changed.id, changed.owner_id, changed.created_at) == (added.id, "ann", NOON)
    assert (changed.name, changed.description, changed.version) == ("Torch", "", 2)
    assert changed.updated_at > NOON
    assert get_item(added.id, "ann", items) == changed


@pytest.mark.parametrize("expected", [None, {1}, {7, 1}])
def test_a_version_that_is_expected_may_change_and_go(expected: set[int] | None) -> None:
    items = MemoryItems()
    added, other = add(items), add(items)

    assert change(items, added, expected).version == 2
    remove_item(RemoveItem(other.id, "ann", expected), items=items)

    with pytest.raises(NotFound):
        get_item(other.id, "ann", items)


@pytest.mark.parametrize("expected", [set(), {2}, {0, 7}])
def test_another_version_stays_as_it_is(expected: set[int]) -> None:
    items = MemoryItems()
    added = add(items)

    with pytest.raises(PreconditionFailed):
        change(items, added, expected)
    with pytest.raises(PreconditionFailed):
        remove_item(RemoveItem(added.id, "ann", expected), items=items)

    assert get_item(added.id, "ann", items) == added


def test_another_persons_item_is_not_found_whatever_is_expected() -> None:
    items = MemoryItems()
    added = add(items, "bob")

    for expected in (None, {1}, {2}):
        with pytest.raises(NotFound):
            change(items, added, expected)
        with pytest.raises(NotFound):
            remove_item(RemoveItem(added.id, "ann", expected), items=items)
    with pytest.raises(NotFound):
        get_item(added.id, "ann", items)

    assert get_item(added.id, "bob", items) == added


@pytest.mark.parametrize("item_id", ["", "x", "\0", "x" * 5000, "0191C0DE-ABCD-7000-8000-000000000000"])
def test_what_is_no_id_is_not_found(item_id: str) -> None:
    with pytest.raises(NotFound):
        get_item(item_id, "ann", MemoryItems())


def test_who_expects_no_version_tries_again() -> None:
    items = Shelf()
    added, other = add(items), add(items)

    items.rivals = 2
    assert change(items, added).version == 4
    items.rivals = 2
    remove_item(RemoveItem(other.id, "ann"), items=items)

    assert items.get(other.id) is None


def test_who_expects_a_version_that_goes_under_their_hands_fails() -> None:
    items = Shelf()
    added = add(items)

    for act in (lambda: change(items, added, {1}), lambda: remove_item(RemoveItem(added.id, "ann", {2}), items=items)):
        items.rivals = 1
        with pytest.raises(PreconditionFailed):
            act()

    assert get_item(added.id, "ann", items).name == "Lamp"


def test_nobody_tries_for_ever() -> None:
    items = Shelf()
    added = add(items)

    items.rivals = TRIES
    with pytest.raises(Conflict):
        change(items, added)
    items.rivals = TRIES
    with pytest.raises(Conflict):
        remove_item(RemoveItem(added.id, "ann"), items=items)

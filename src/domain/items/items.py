"""Items, and what their owner can do with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.errors import Conflict, NotFound, PreconditionFailed
from domain.ports import ID, Clock, NewId

TRIES = 10
"""How often a write that asks for no certain version starts again because another came first."""


@dataclass(frozen=True)
class Item:
    """Something that a person keeps; `version` grows by one with each change, from 1."""

    id: str
    owner_id: str
    name: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class AddItem:
    """A person's wish for an item."""

    owner_id: str
    name: str
    description: str


@dataclass(frozen=True)
class ChangeItem:
    """An owner's wish for an item to read so, if it has one of the `expected` versions (None: whichever)."""

    item_id: str
    owner_id: str
    name: str
    description: str
    expected: Collection[int] | None = None


@dataclass(frozen=True)
class RemoveItem:
    """An owner's wish for an item to be gone, if it has one of the `expected` versions (None: whichever)."""

    item_id: str
    owner_id: str
    expected: Collection[int] | None = None


class Items(Protocol):
    """The items' store."""

    def add(self, item: Item) -> None:
        """Store a new item; storing the same one again is fine."""

    def get(self, item_id: str) -> Item | None:
        """Return one item as it is now, whoever owns it."""

    def replace(self, item: Item) -> bool:
        """Put an item in the place of the version right before; return whether that was still there."""

    def remove(self, item: Item) -> bool:
        """Remove an item; return whether it was still there in this version."""

    def page(self, owner_id: str, limit: int, before: str | None = None) -> Sequence[Item]:
        """Return up to `limit` of an owner's items, newest first, from those older than the id `before`.

        What was written a moment ago may not show yet.
        """


def add_item(wish: AddItem, *, items: Items, clock: Clock, new_id: NewId) -> Item:
    """Add an item in version 1."""
    now = clock()
    item = Item(new_id(), wish.owner_id, wish.name, wish.description, version=1, created_at=now, updated_at=now)
    items.add(item)
    return item


def get_item(item_id: str, owner_id: str, items: Items) -> Item:
    """Return an owner's own item. Raises NotFound, for another's item too."""
    item = items.get(item_id) if ID.fullmatch(item_id) else None
    if item is None or item.owner_id != owner_id:
        raise NotFound(f"you have no item {item_id}")
    return item


def change_item(wish: ChangeItem, *, items: Items, clock: Clock) -> Item:
    """Change an owner's own item; return its next version.

    Raises NotFound; PreconditionFailed when it has none of the expected versions; Conflict when others never
    stop changing it.
    """
    for _ in range(TRIES):
        item = _expected(wish, items)
        changed = replace(
            item, name=wish.name, description=wish.description, version=item.version + 1, updated_at=clock()
        )
        if items.replace(changed):
            return changed
    raise _busy(wish)


def remove_item(wish: RemoveItem, *, items: Items) -> None:
    """Remove an owner's own item. Raises as `change_item` does."""
    for _ in range(TRIES):
        if items.remove(_expected(wish, items)):
            return
    raise _busy(wish)


def _expected(wish: ChangeItem | RemoveItem, items: Items) -> Item:
    item = get_item(wish.item_id, wish.owner_id, items)
    if wish.expected is not None and item.version not in wish.expected:
        raise PreconditionFailed(f"item {item.id} has changed since; read it again")
    return item


def _busy(wish: ChangeItem | RemoveItem) -> Conflict:
    return Conflict(f"item {wish.item_id} is being changed by others right now; try again")

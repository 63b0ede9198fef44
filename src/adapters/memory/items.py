"""Items in memory."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from domain.items.items import Item


class MemoryItems:
    """Items in a dictionary; safe for threads."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._lock = Lock()

    def add(self, item: Item) -> None:
        """Store a new item; storing the same one again is fine."""
        self._items[item.id] = item

    def get(self, item_id: str) -> Item | None:
        """Return one item as it is now, whoever owns it."""
        return self._items.get(item_id)

    def replace(self, item: Item) -> bool:
        """Put an item in the place of the version right before; return whether that was still there."""
        with self._lock:
            if there := self._has(item.id, item.version - 1):
                self._items[item.id] = item
            return there

    def remove(self, item: Item) -> bool:
        """Remove an item; return whether it was still there in this version."""
        with self._lock:
            if there := self._has(item.id, item.version):
                del self._items[item.id]
            return there

    def page(self, owner_id: str, limit: int, before: str | None = None) -> Sequence[Item]:
        """Return up to `limit` of an owner's items, newest first, from those older than the id `before`."""
        own = [item for item in self._items.values() if item.owner_id == owner_id]
        older = [item for item in own if before is None or item.id < before]
        return sorted(older, key=lambda item: item.id, reverse=True)[:limit]

    def _has(self, item_id: str, version: int) -> bool:
        held = self._items.get(item_id)
        return held is not None and held.version == version

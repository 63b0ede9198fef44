"""Stock levels, and the ledger in which one transaction changes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.outbox import Message, Topic


class StockLevel(NamedTuple):
    """One sku's stock after its `version`-th change; quantities in units.

    `allocated` of the `on_hand` units are promised to confirmed orders; `shipped_total` only grows.
    """

    sku: str
    on_hand: int
    allocated: int
    shipped_total: int
    version: int
    updated_at: datetime

    @property
    def available(self) -> int:
        """Units that can still be promised."""
        return self.on_hand - self.allocated

    def message(self) -> Message:
        """Return this level as the stream carries it: the state, not the change, so that repeats are harmless."""
        body: dict[str, str | int | None] = {
            "type": "stock",
            "sku": self.sku,
            "version": self.version,
            "on_hand": self.on_hand,
            "allocated": self.allocated,
            "shipped_total": self.shipped_total,
            "at": self.updated_at.isoformat(),
        }
        return Message(Topic.EVENTS, self.sku, body)


class Ledger:
    """The stock levels that one transaction has locked, and its changes to them.

    However often a sku changes here it gets one new version, and no earlier time than its last one, whatever the
    clocks of different writers say. A sku without a row has no stock.
    """

    def __init__(self, levels: Iterable[StockLevel], at: datetime) -> None:
        self._before = {level.sku: level for level in levels}
        self._now = dict(self._before)
        self._at = at

    def can_allocate(self, quantities: Mapping[str, int]) -> bool:
        """Say whether every sku has that many units available."""
        return all(sku in self._now and self._now[sku].available >= n for sku, n in quantities.items())

    def allocate(self, quantities: Mapping[str, int]) -> None:
        """Promise units; `can_allocate` was asked first."""
        for sku, n in quantities.items():
            self._change(sku, allocated=n)

    def release(self, quantities: Mapping[str, int]) -> None:
        """Take a promise back."""
        for sku, n in quantities.items():
            self._change(sku, allocated=-n)

    def ship(self, quantities: Mapping[str, int]) -> None:
        """Let promised units leave."""
        for sku, n in quantities.items():
            self._change(sku, on_hand=-n, allocated=-n, shipped_total=n)

    def can_move(self, sku: str, quantity: int) -> bool:
        """Say whether enough units for every promise are left when so many come in, or, below 0, go out."""
        return self._now[sku].available + quantity >= 0

    def move(self, sku: str, quantity: int) -> None:
        """Take units in, or, below 0, out; `can_move` was asked first."""
        self._change(sku, on_hand=quantity)

    def changed(self) -> Sequence[StockLevel]:
        """Return the levels that differ from what was locked, each with its new version, in order of sku."""
        return [level for sku, level in sorted(self._now.items()) if level is not self._before[sku]]

    def _change(self, sku: str, *, on_hand: int = 0, allocated: int = 0, shipped_total: int = 0) -> None:
        level = self._now[sku]
        self._now[sku] = StockLevel(
            sku,
            on_hand=level.on_hand + on_hand,
            allocated=level.allocated + allocated,
            shipped_total=level.shipped_total + shipped_total,
            version=self._before[sku].version + 1,
            updated_at=max(self._at, level.updated_at),
        )

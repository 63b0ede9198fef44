"""Comparing the decisions with the projection: after the queues have run empty they must agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.decisions import Decisions
from domain.inventory.projection import StockView
from domain.inventory.stock import StockLevel
from domain.ports import Clock

PAGE = 1000


@dataclass(frozen=True)
class Difference:
    """A sku on which the two sides disagree; None where a side does not know it."""

    sku: str
    decided: StockLevel | None
    projected: StockLevel | None


@dataclass(frozen=True)
class Reconciliation:
    """How many skus were compared, and every difference that has outlived the grace."""

    compared: int
    differences: Sequence[Difference]


def reconcile(store: Decisions, view: StockView, clock: Clock, grace: timedelta) -> Reconciliation:
    """Compare both sides sku by sku.

    A level decided less than `grace` ago may still be on its way and is no difference yet.
    """
    settled = clock() - grace
    projected = {level.sku: level for level in view.levels()}
    differences, compared = [], 0
    for decided in _all_levels(store):
        compared += 1
        seen = projected.pop(decided.sku, None)
        if not _agree(decided, seen) and decided.updated_at <= settled:
            differences.append(Difference(decided.sku, decided, seen))
    differences += [
        Difference(sku, None, level) for sku, level in sorted(projected.items()) if level.updated_at <= settled
    ]
    return Reconciliation(compared, differences)


def _agree(decided: StockLevel, seen: StockLevel | None) -> bool:
    return seen is not None and (
        decided.on_hand,
        decided.allocated,
        decided.shipped_total,
        decided.version,
    ) == (
        seen.on_hand,
        seen.allocated,
        seen.shipped_total,
        seen.version,
    )


def _all_levels(store: Decisions) -> Iterator[StockLevel]:
    page = store.stock_levels(PAGE)
    while page:
        yield from page
        page = store.stock_levels(PAGE, after=page[-1].sku)

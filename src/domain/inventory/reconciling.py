"""Comparing the decisions with the projection: after the queues have run empty they must agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

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
    """How many skus were compared, and the differences that have outlived the grace: repaired, and lasting ones."""

    compared: int
    repaired: Sequence[Difference]
    differences: Sequence[Difference]


def reconcile(
    store: Decisions, view: StockView, clock: Clock, grace: timedelta, *, repair: bool = False
) -> Reconciliation:
    """Compare both sides sku by sku, PAGE at a time; with `repair` the view then follows the decisions.

    A level decided less than `grace` ago may still be on its way and is no difference yet. One that was never decided
    is a difference at once.
    """
    compared, repaired, lasting = 0, list[Difference](), list[Difference]()
    for number, found in _compared(store, view, clock() - grace):
        failed = _repair(found, store, view) if repair and found else {one.sku for one in found}
        compared += number
        repaired += [one for one in found if one.sku not in failed]
        lasting += [one for one in found if one.sku in failed]
    return Reconciliation(compared, sorted(repaired, key=_order), sorted(lasting, key=_order))


def _compared(store: Decisions, view: StockView, settled: datetime) -> Iterator[tuple[int, Sequence[Difference]]]:
    """Yield, page by page, how many decided levels it compares, and the differences.

    The view is read first: what it shows can then be behind the decisions, but not rightly ahead of them. Of all
    that it shows only the skus are kept, to tell afterwards which it lacks.
    """
    shown = set[str]()
    levels = iter(view.levels())
    while seen := list(islice(levels, PAGE)):
        shown.update(level.sku for level in seen)
        decided = {level.sku: level for level in store.levels_of([level.sku for level in seen])}
        pairs = [Difference(level.sku, decided.get(level.sku), level) for level in seen]
        yield len(decided), [one for one in pairs if not _agree(one) and _outlives(one, settled)]
    for page in _pages(store):
        missing = [Difference(level.sku, level, None) for level in page if level.sku not in shown]
        yield len(missing), [one for one in missing if _outlives(one, settled)]


def _repair(differences: Sequence[Difference], store: Decisions, view: StockView) -> Collection[str]:
    """Let the view follow the decisions; return the skus where it cannot.

    A version that it shows and that was never decided must give way first, or newer ones would seem old. They may
    have come in vain meanwhile, so what is written in the end is what has been decided by then.
    """
    wrong = [(one.projected, one.decided) for one in differences if one.projected and not _behind(one)]
    errors = view.replace(wrong)
    return {**errors, **view.write(store.levels_of([one.sku for one in differences]))}


def _agree(one: Difference) -> bool:
    return one.decided is not None and one.projected is not None and _figures(one.decided) == _figures(one.projected)


def _behind(one: Difference) -> bool:
    return one.decided is not None and one.projected is not None and one.projected.version < one.decided.version


def _figures(level: StockLevel) -> tuple[int, ...]:
    return level.on_hand, level.allocated, level.shipped_total, level.version


def _outlives(one: Difference, settled: datetime) -> bool:
    """Say whether both sides could agree by now. What was never decided is not on its way, whatever time it shows."""
    return one.decided is None or one.decided.updated_at <= settled


def _order(one: Difference) -> tuple[bool, str]:
    return one.decided is None, one.sku


def _pages(store: Decisions) -> Iterator[Sequence[StockLevel]]:
    page = store.stock_levels(PAGE)
    while page:
        yield page
        page = store.stock_levels(PAGE, after=page[-1].sku)

"""Accounting for every unit: what was decided, what readers see, and what must have come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Level(NamedTuple):
    """One sku's stock on one side."""

    on_hand: int
    allocated: int
    shipped_total: int
    version: int


NOTHING = Level(0, 0, 0, 0)
"""A sku that never had stock has no level on either side."""


@dataclass(frozen=True)
class Reconciliation:
    """How many skus were compared, and each that is not as it must be: the sku, both sides, what was expected."""

    compared: int
    differences: Sequence[Mapping[str, Any]]


def reconcile(
    before: Mapping[str, Level],
    received: Mapping[str, int],
    shipped: Mapping[str, int],
    *,
    decided: Mapping[str, Level],
    projected: Mapping[str, Level],
    skus: Sequence[str],
) -> Reconciliation:
    """Compare both sides with what was there before, came in and went out since; nothing may stay promised."""
    differences = []
    for sku in skus:
        was = before.get(sku, NOTHING)
        sides = decided.get(sku, NOTHING), projected.get(sku, NOTHING)
        on_hand = was.on_hand + received.get(sku, 0) - shipped.get(sku, 0)
        expected = Level(on_hand, 0, was.shipped_total + shipped.get(sku, 0), sides[0].version)
        if sides != (expected, expected):
            differences.append(
                {
                    "sku": sku,
                    "expected": expected._asdict(),
                    "decided": sides[0]._asdict(),
                    "projected": sides[1]._asdict(),
                }
            )
    return Reconciliation(len(skus), differences)

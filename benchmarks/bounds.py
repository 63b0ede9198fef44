"""What `make bench` wants of our functions: figures of one run, and how far they may go."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.turns import ratios

Turns = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""What each turn told, by contest and contestant."""


@dataclass(frozen=True)
class Bound:
    """A wish: `of` computes a figure from all turns, which must not be beyond `wanted`; None wants nothing."""

    what: str
    of: Callable[[Turns], float]
    wanted: float | None = None
    at_least: bool = False
    unit: str = "x"

    def met(self, figure: float) -> bool | None:
        """Say whether a figure is what is wanted; None where nothing is."""
        if self.wanted is None:
            return None
        return figure >= self.wanted if self.at_least else figure <= self.wanted


def value(turn: Mapping[str, Any], measure: str) -> float:
    """Return a measure of one turn; of many warm calls the middle one."""
    found = turn[measure]
    return float(statistics.median(found) if isinstance(found, list) else found)


def ratio(contest: str, measure: str, to: str, of: str = "ours") -> Callable[[Turns], float]:
    """Return what computes by how much one contestant's measure is another's: the median of each round's ratio."""

    def computed(turns: Turns) -> float:
        mine, theirs = ([value(turn, measure) for turn in turns[contest][name]] for name in (of, to))
        return statistics.median(ratios(mine, theirs))

    return computed


def median(contest: str, measure: str, of: str = "ours") -> Callable[[Turns], float]:
    """Return what computes the median of a contestant's measure."""
    return lambda turns: statistics.median(value(turn, measure) for turn in turns[contest][of])


def judged(bounds: Sequence[Bound], turns: Turns) -> list[dict[str, Any]]:
    """Return each bound with its figure, and whether it is met; those of contests that were not held are left out."""
    found = []
    for bound in bounds:
        try:
            figure = bound.of(turns)
        except KeyError:
            continue
        sign = ">=" if bound.at_least else "<="
        wanted = None if bound.wanted is None else f"{sign} {bound.wanted:g}"
        found.append(
            {"what": bound.what, "figure": figure, "unit": bound.unit, "wanted": wanted, "met": bound.met(figure)}
        )
    return found

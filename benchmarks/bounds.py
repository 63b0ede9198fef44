"""What `make bench` wants of our functions: figures of one run, and how far they may go."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from benchmarks.turns import ratios

PROCESSOR = {"cold_ms": "cold_cpu_ms", "request_ms": "request_cpu_ms", "warm_us": "warm_cpu_us"}
"""What of a measure was the processor's time."""
Turns = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""What each turn told, by contest and contestant."""


class Figure(Protocol):
    """Computes a figure from the turns of a contest."""

    @property
    def contest(self) -> str:
        """Its title."""

    def __call__(self, turns: Turns) -> float:
        """Return the figure."""


@dataclass(frozen=True)
class Bound:
    """A wish: `of` computes a figure from all turns, which must not be beyond `wanted`; None wants nothing."""

    what: str
    of: Figure
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


@dataclass(frozen=True)
class Ratio:
    """By how much one contestant's measure is another's: the median of each round's ratio."""

    contest: str
    measure: str
    to: str
    of: str = "ours"

    def __call__(self, turns: Turns) -> float:
        """Return the figure."""
        contest = turns[self.contest]
        mine, theirs = ([value(turn, self.measure) for turn in contest[name]] for name in (self.of, self.to))
        return statistics.median(ratios(mine, theirs))

    def cpu(self, turns: Turns) -> float | None:
        """Return the same of the processor time alone, which a busy machine disturbs less; None where nobody knows."""
        measure = PROCESSOR.get(self.measure)
        known = measure and all(measure in turns[self.contest][name][0] for name in (self.of, self.to))
        return replace(self, measure=measure)(turns) if measure and known else None


@dataclass(frozen=True)
class Median:
    """The median of our measure, or by how much it is more than another's."""

    contest: str
    measure: str
    than: str | None = None

    def __call__(self, turns: Turns) -> float:
        """Return the figure."""
        return self._of("ours", turns) - (self._of(self.than, turns) if self.than else 0)

    def _of(self, name: str, turns: Turns) -> float:
        return statistics.median(value(turn, self.measure) for turn in turns[self.contest][name])


def judged(bounds: Sequence[Bound], turns: Turns) -> list[dict[str, Any]]:
    """Return each bound with its figure, and whether it is met; those of contests that were not held are left out."""
    found = []
    for bound in bounds:
        if bound.of.contest not in turns:
            continue
        figure = bound.of(turns)
        found.append(
            {
                "what": bound.what,
                "figure": figure,
                "cpu": bound.of.cpu(turns) if isinstance(bound.of, Ratio) else None,
                "unit": bound.unit,
                "wanted": None if bound.wanted is None else f"{'>=' if bound.at_least else '<='} {bound.wanted:g}",
                "met": bound.met(figure),
            }
        )
    return found

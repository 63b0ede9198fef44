"""Contestants take turns, so that the machine's moods meet all of them alike; medians, spreads, ratios by round."""

from __future__ import annotations

import os
import statistics
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
"""What one turn tells: the seconds that its work took without what prepared it, or more than that."""


def number(text: str) -> int:
    """Return a whole number from 1 on, as argparse wants it."""
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def arguments(told: str, rounds: int) -> ArgumentParser:
    """Return a parser that explains a benchmark and takes the number of its rounds."""
    parser = ArgumentParser(description=told.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=number, default=rounds, help="rounds that count; one more warms up (%(default)s)"
    )
    return parser


def take_turns(turns: Mapping[str, Callable[[], Found]], rounds: int, title: str) -> Mapping[str, Sequence[Found]]:
    """Return what each contestant told by round. One more round warms up; every other round begins with the last."""
    found: dict[str, list[Found]] = {name: [] for name in turns}
    for round_number in range(rounds + 1):
        names = list(turns) if round_number % 2 else list(reversed(turns))
        for name in names:
            _tell(f"{title}: round {round_number} of {rounds}, {name} ...")
            told = turns[name]()
            if round_number:
                found[name].append(told)
    _tell("")
    return found


@contextmanager
def silence() -> Iterator[None]:
    """Let handlers write their log lines and metrics to nowhere."""
    from handlers.telemetry import logger  # noqa: PLC0415 - once its variables are set

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        handler: Any = logger.registered_handler
        before, handler.stream = handler.stream, nowhere
        yield
        handler.stream = before


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, and the least and the largest of the values."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def ratios(of: Sequence[float], to: Sequence[float]) -> Sequence[float]:
    """Return the ratio of each round."""
    return [mine / theirs for mine, theirs in zip(of, to, strict=True)]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its columns as wide as they must be."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}")
    for row in (head, *rows):
        print("  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr)

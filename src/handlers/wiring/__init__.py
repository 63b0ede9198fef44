"""Plugging adapters into ports: made once per worker, from the environment that template.yaml gives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import _lru_cache_wrapper, cache
from typing import TypeVar

T = TypeVar("T")

_makers: list[Callable[[], object]] = []
_stale: list[Callable[[], None]] = []


def made(make: Callable[[], T]) -> _lru_cache_wrapper[T]:
    """Return what makes a thing at its first call, or in INIT, and then gives the same again."""
    maker = cache(make)
    _makers.append(maker)
    return maker


def make_all() -> None:
    """Make all that was imported, but for what cannot be made: mostly for want of a variable, where nothing uses it.

    Whoever uses it all the same is told why, and tells it on.
    """
    for make in _makers:
        with suppress(Exception):
            make()


def stale_after_restore(forget: Callable[[], None]) -> None:
    """Have something forgotten when a snapshot (Lambda SnapStart) is restored, hours after it was taken."""
    _stale.append(forget)


def forget_stale() -> None:
    """Forget connections, and what was fetched."""
    for forget in _stale:
        forget()

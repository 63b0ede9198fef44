"""Doing things at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def together(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Do work in that many threads at once; return what each returned or raised."""
    start = threading.Barrier(number)
    results: list[Any] = [None] * number

    def run(i: int) -> None:
        start.wait()
        try:
            results[i] = work(i)
        except Exception as error:  # noqa: BLE001 - each thread's own outcome
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results

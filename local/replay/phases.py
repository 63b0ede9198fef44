"""The phases of a replay: a bar with its rate for people, a line now and then elsewhere, seconds for the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

T = TypeVar("T")

LINES = 15.0
"""Seconds between two lines."""


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of a task that has a total."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and task.total else "", style="progress.data.speed")


@dataclass
class Bar:
    """One phase's bar. Where no bar can be drawn, a line tells now and then how far it is."""

    progress: Progress
    task: TaskID
    _told: float = field(default_factory=time.monotonic)

    def advance(self) -> None:
        """One more is done."""
        self.progress.advance(self.task)
        if not self.progress.console.is_terminal:
            one = self.progress.tasks[self.task]
            self._line(f"{one.completed:.0f} of {one.total:.0f}")

    def say(self, text: str, why: str) -> None:
        """Show what the phase waits for; why it must, if that is known, is a line also beside bars."""
        self.progress.update(self.task, more=text)
        if text and (why or not self.progress.console.is_terminal):
            self._line(f"waiting for {text}" + (f" ({why})" if why else ""))

    def _line(self, text: str) -> None:
        if time.monotonic() - self._told >= LINES:
            self._told = time.monotonic()
            line = f"{self.progress.tasks[self.task].description}: {text}"
            self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Phases:
    """Shows phases while they last and keeps their `seconds`."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[more]}"),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def phase(self, name: str, total: int | None) -> Iterator[Bar]:
        """Show and time a phase of `total` parts, None when nobody knows how many."""
        began = time.monotonic()
        bar = Bar(self._progress, self._progress.add_task(name, total=total, more=""))
        yield bar
        self.seconds[name] = time.monotonic() - began
        if total is None:
            self._progress.update(bar.task, total=1, completed=1, more="")

    async def each(
        self, name: str, items: Collection[T], work: Callable[[T], Awaitable[None]], *, at_once: int
    ) -> None:
        """Make a phase of items that are begun in their order, `at_once` under way at a time."""
        rest = iter(items)

        async def work_on(bar: Bar) -> None:
            for item in rest:
                await work(item)
                bar.advance()

        with self.phase(name, len(items)) as bar:
            try:
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(at_once):
                        tasks.create_task(work_on(bar))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None

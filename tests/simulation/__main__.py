"""`make simulate`: many schedules, resumable; or one, step by step."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.servers import postgres
from tests.simulation.faults import CALLS, Kind
from tests.simulation.processes import outcomes
from tests.simulation.schedule import Outcome, simulation
from tests.simulation.variants import AS_IT_IS, VARIANTS

ROOT = Path(__file__).parents[2]
PROGRESS = ROOT / ".simulation.json"
WIDE = 100
"""Columns of the table of faults."""
WANTED = 10
"""How often each fault must have struck each call in a long run."""


@dataclass
class Totals:
    """What all schedules so far came to; `next` is the first seed that has not run."""

    code: str
    next: int = 0
    seconds: float = 0
    waits: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, outcomes: list[Outcome]) -> None:
        """Count outcomes in."""
        for one in outcomes:
            self.orders.update(one.orders)
            self.waits += one.waits
            self.faults.update({f"{call}/{kind}": n for (call, kind), n in one.faults.items()})
            if one.violations:
                self.failed[str(one.seed)] = list(one.violations)

    @classmethod
    def read(cls, code: str) -> Totals:
        """Return what the last run came to, if the code is still the same."""
        try:
            kept = json.loads(PROGRESS.read_text())
        except FileNotFoundError:
            return cls(code)
        if kept["code"] != code:
            return cls(code)
        return cls(**{**kept, "orders": Counter(kept["orders"]), "faults": Counter(kept["faults"])})

    def write(self) -> None:
        """Keep it for the next run."""
        whole = PROGRESS.with_suffix(".new")
        whole.write_text(json.dumps(vars(self)))
        whole.replace(PROGRESS)


def main(
    schedules: Annotated[int, typer.Option(min=1, help="Schedules to run in all, those of earlier runs included.")] = (
        10_000
    ),
    seed: Annotated[int | None, typer.Option(min=0, help="Run this one schedule and print its steps.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, each with a PostgreSQL of its own.")] = (
        os.cpu_count() or 1
    ),
    anew: Annotated[bool, typer.Option("--anew", help="Forget what earlier runs came to.")] = False,  # noqa: FBT002
    without: Annotated[
        str | None, typer.Option(help=f"Find where a variant fails that lacks its {', '.join(VARIANTS)}.")
    ] = None,
) -> None:
    """Drive the handlers through disturbed schedules and check that every one of them ends well.

    Ctrl-C keeps what is done; the next run goes on there, unless the code has changed. Exits 1 when a schedule fails,
    and, of a variant, when none does.
    """
    console = Console()
    if without is not None and without not in VARIANTS:
        raise typer.BadParameter(f"choose from {', '.join(VARIANTS)}", param_hint="--without")
    if seed is not None:
        raise typer.Exit(_one(seed, without, console))
    if without is not None:
        raise typer.Exit(_find(without, schedules, console))
    totals = Totals(_code()) if anew else Totals.read(_code())
    if totals.next:
        console.print(f"Going on after {totals.next} schedules; --anew begins from the start.")
    try:
        _run(totals, schedules, jobs, console)
    except KeyboardInterrupt:
        console.print(f"Interrupted; {totals.next} schedules are kept, and `make simulate` goes on there.")
        raise typer.Exit(130) from None
    _show(totals, console)
    raise typer.Exit(1 if totals.failed else 0)


def _one(seed: int, without: str | None, console: Console) -> int:
    """Run one schedule and print what happened."""
    with postgres() as server, simulation(server, VARIANTS[without] if without else AS_IT_IS) as one:
        outcome = one.run(seed)
    for step in outcome.trace:
        console.out(step, highlight=False)
    console.out(f"orders: {dict(outcome.orders)}; faults: {sum(outcome.faults.values())}", highlight=False)
    console.out("\n".join(outcome.violations) or "everything holds", highlight=False)
    return 1 if outcome.violations else 0


def _find(without: str, schedules: int, console: Console) -> int:
    """Look for the first schedule in which a variant fails, as it must; 1 when there is none."""
    with postgres() as server, simulation(server, VARIANTS[without]) as one:
        for seed in range(schedules):
            if violations := one.run(seed).violations:
                console.out(f"without its {without} it fails, as it must, at seed {seed}: {violations[0]}")
                return 0
    console.out(f"without its {without} all {schedules} schedules end well: the simulation does not find what is wrong")
    return 1


def _run(totals: Totals, schedules: int, jobs: int, console: Console) -> None:
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=max(schedules, totals.next), completed=totals.next)
        begun = time.monotonic()
        for done in outcomes(range(totals.next, schedules), jobs):
            totals.add(done)
            totals.next += len(done)
            totals.seconds += time.monotonic() - begun
            begun = time.monotonic()
            totals.write()
            progress.update(bar, completed=totals.next)
            for one in done:
                if one.violations:
                    progress.print(f"seed {one.seed}: {one.violations[0]}  (make simulate SEED={one.seed})")


def _code() -> str:
    """Return a digest of everything that decides what a seed does."""
    files = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.sql"), *Path(__file__).parent.glob("*.py")])
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _show(totals: Totals, console: Console) -> None:
    table = Table(title="Faults that struck", box=None)
    table.add_column("call", no_wrap=True)
    for kind in Kind:
        table.add_column(kind.value, justify="right", no_wrap=True)
    for call, kinds in CALLS.items():
        table.add_row(call, *[str(totals.faults[f"{call}/{kind}"]) if kind in kinds else "-" for kind in Kind])
    Console(width=max(console.width, WIDE)).print(table)
    orders = ", ".join(f"{n} {status}" for status, n in sorted(totals.orders.items()))
    console.print(
        f"{totals.next} schedules in {totals.seconds:.0f} s: {totals.orders.total()} orders ({orders}),"
        f" {totals.faults.total()} faults, {totals.waits} waits for locks."
    )
    pairs = [totals.faults[f"{call}/{kind}"] for call, kinds in CALLS.items() for kind in kinds]
    console.print(f"{len(pairs)} pairs of call and fault, {_rarest(pairs)}.")
    console.print(f"{len(totals.failed)} schedules failed." if totals.failed else "All of them ended well.")
    for seed, violations in totals.failed.items():
        console.print(f"  make simulate SEED={seed}: {violations[0]}")


def _rarest(pairs: list[int]) -> str:
    """Say how often the rarest pair was met."""
    if unmet := pairs.count(0):
        return f"{unmet} of them not met yet: a short run does not reach every pair"
    return f"each of them met at least {min(pairs)} times ({WANTED} are wanted of a long run)"


if __name__ == "__main__":
    typer.run(main)

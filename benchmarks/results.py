"""What a run of `make bench` found: shown beside the run before, saved, and published."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bounds import Ratio, Turns, value
from benchmarks.chart import chart
from benchmarks.packages import FOLDER
from benchmarks.turns import table
from local.state import ROOT

PUBLISHED = ROOT / "benchmarks" / "results.json"
CHART = ROOT / "docs" / "benchmarks.svg"
PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)
LAST = FOLDER / "results.json"
COLUMNS = {
    "cold, ms": ("cold_ms", 0),
    "of it CPU": ("cold_cpu_ms", 0),
    "1st HTTPS, ms": ("request_ms", 1),
    "warm p50, µs": ("warm_us", 0),
    "p99, µs": ("warm_p99_us", 0),
    "mean CPU, µs": ("warm_cpu_us", 0),
    "RSS, MB": ("rss_mb", 1),
    "modules": ("modules", 0),
    "package, MB": ("package_mb", 1),
}
"""Each with its measure and the digits after its point."""
HEAD = ("", *COLUMNS, "ours to it, cold", "ours to it, warm")

Run = Mapping[str, Any]


def run(turns: Turns, bounds: Sequence[Mapping[str, Any]], rounds: int) -> Run:
    """Return what there is to say of a run: medians by contest and contestant, and the machine that it ran on."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _git("rev-parse", "--short", "HEAD"),
        "python": platform.python_version(),
        "processor": processor(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "contests": {
            contest: {name: {**_figures(one), **_ours(turns, contest, name)} for name, one in found.items()}
            for contest, found in turns.items()
        },
        "bounds": list(bounds),
    }


def _figures(turns: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    measures = [name for name, found in turns[0].items() if isinstance(found, int | float)]
    calls = [call for turn in turns for call in turn["warm_us"]]
    warm = {"warm_us": statistics.median(calls), "warm_p99_us": _p99(calls)} if calls else {}
    return {name: round(found, 3) for name, found in _medians(turns, measures).items()} | {
        name: round(found, 1) for name, found in warm.items()
    }


def _ours(turns: Turns, contest: str, to: str) -> Mapping[str, float]:
    """Return by how much ours is another's, cold and warm: the median of each round's ratio."""
    measures = {"ours_cold": "cold_ms", "ours_warm": "warm_us"}
    known = {name: one for name, one in measures.items() if all(found[0][one] for found in turns[contest].values())}
    return {name: round(Ratio(contest, measure, to)(turns), 3) for name, measure in known.items()}


def _medians(turns: Sequence[Mapping[str, Any]], measures: Sequence[str]) -> Mapping[str, float]:
    return {name: statistics.median(value(turn, name) for turn in turns) for name in measures}


def _p99(calls: Sequence[float]) -> float:
    return sorted(calls)[len(calls) * 99 // 100]


def show(found: Run, before: Run | None) -> None:
    """Print the table, the bounds, and what changed since the run before, as ratios."""
    was = f"; the run before is of {before['date']} ({before['commit']})" if before else ""
    print(f"{where(found)}{was}")
    table("What each costs, and by how much ours is it", HEAD, rows(found))
    table("What is wanted", ("", "is", "of CPU", "was", "wanted", "met"), wishes(found, before))
    if before:
        table("Now to the run before", ("", "cold", "warm p50", "RSS", "package"), changes(found, before))


def where(found: Run) -> str:
    """Return a line of what the figures are of."""
    machine = f"{found['processors']} x {found['processor']}, a load of {found['load']}"
    return f"{found['date']}, at {found['commit']}, {found['rounds']} rounds, Python {found['python']}, {machine}"


def rows(found: Run) -> list[list[str]]:
    """Return the table's cells."""
    cells = []
    for contest, contestants in found["contests"].items():
        for name, one in contestants.items():
            plain = [_cell(one, measure, digits) for measure, digits in COLUMNS.values()]
            times = (f"{one[measure]:.2f} x" if measure in one else "" for measure in ("ours_cold", "ours_warm"))
            cells.append([f"{contest}: {name}", *plain, *times])
    return cells


def wishes(found: Run, before: Run | None) -> list[list[str]]:
    """Return the bounds' cells."""
    was = {one["what"]: one["figure"] for one in before["bounds"]} if before else {}
    said = {None: "", True: "yes", False: "NO"}
    return [
        [
            one["what"],
            f"{one['figure']:.2f} {one['unit']}",
            "" if one["cpu"] is None else f"{one['cpu']:.2f}",
            f"{was[one['what']]:.2f}" if one["what"] in was else "",
            one["wanted"] or "",
            said[one["met"]],
        ]
        for one in found["bounds"]
    ]


def changes(found: Run, before: Run) -> list[list[str]]:
    """Return the cells of what both runs measured, as ratios of now to then."""
    cells = []
    for contest, contestants in found["contests"].items():
        for name, one in contestants.items():
            if old := before["contests"].get(contest, {}).get(name):
                measures = ("cold_ms", "warm_us", "rss_mb", "package_mb")
                cells.append([f"{contest}: {name}", *(_ratio(one, old, measure) for measure in measures)])
    return cells


def _cell(one: Mapping[str, float], measure: str, digits: int = 0) -> str:
    return f"{one[measure]:,.{digits}f}" if measure in one else ""


def _ratio(of: Mapping[str, float], to: Mapping[str, float], measure: str) -> str:
    return f"{of[measure] / to[measure]:.2f} x" if of.get(measure) and to.get(measure) else ""


def previous() -> Run | None:
    """Return the last run here, or else the one that was published."""
    return next((json.loads(one.read_text()) for one in (LAST, PUBLISHED) if one.exists()), None)


def save(found: Run, before: Run | None) -> None:
    """Keep a run for the next to be compared with; contests that it left out stay as they were."""
    LAST.parent.mkdir(exist_ok=True)
    old = before or {"contests": {}, "bounds": []}
    bounds = {one["what"]: one for one in [*old["bounds"], *found["bounds"]]}
    contests = {**old["contests"], **found["contests"]}
    LAST.write_text(_json({**found, "contests": contests, "bounds": [*bounds.values()]}))


def publish(found: Run, charted: Mapping[str, Sequence[str]]) -> None:
    """Rewrite what is committed: the figures, the page's tables, and the chart of some contests' cold starts."""
    PUBLISHED.write_text(_json(found))
    cold = {
        contest: {name: found["contests"][contest][name]["cold_ms"] for name in names}
        for contest, names in charted.items()
    }
    CHART.write_text(chart("Cold starts: import and first call, in ms", "ms", cold))
    PAGE.write_text(page(PAGE.read_text(), found))


def page(text: str, found: Run) -> str:
    """Return the page with a run's tables in the place of those that it has."""
    wanted = markdown(("", "is", "of CPU", "wanted", "met"), [[*row[:3], *row[4:]] for row in wishes(found, None)])
    tables = f"{where(found)}.\n\n{wanted}\n\n{markdown(HEAD, rows(found))}\n\n"
    return FIGURES.sub(lambda _: f"\n{tables}", text)


def markdown(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells))


def _json(found: Run) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _git(*command: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def processor() -> str:
    """Return the processor's name."""
    said = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", said.read_text()) if said.exists() else None
    return found[1] if found else platform.processor() or platform.machine()

"""The report as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from local.replay.report import Report, Spread

SHOWN = 10
"""So many failures and differences are shown; JSON has all."""


def render(report: Report, console: Console) -> None:
    """Print the report for people."""
    console.print(_figures("Orders", _orders(report)))
    console.print(_figures("Time", _times(report)))
    console.print(_functions(report))
    console.print(_figures("Skipped in the file", [(reason, f"{n:,}") for reason, n in report.skipped.items()]))
    for line in _verdict(report):
        console.print(line, highlight=False, markup=False)


def _figures(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False, min_width=44)
    table.add_column()
    table.add_column(justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _orders(report: Report) -> Sequence[tuple[str, str]]:
    orders = report.orders
    rejected = [(f"rejected: {reason}", f"{n:,}") for reason, n in orders.rejected.items()]
    return [
        ("placed", f"{orders.placed:,}"),
        ("confirmed", f"{orders.confirmed:,}"),
        ("fulfilled", f"{orders.fulfilled:,}"),
        *rejected,
        ("cancelled", f"{orders.cancelled:,}"),
        ("still open", f"{orders.open:,}"),
        ("failed", f"{orders.failed:,}"),
        ("units fulfilled", f"{report.units:,}"),
        (f"value fulfilled, {report.currency}", f"{report.value_minor / 100:,.2f}"),
    ]


def _times(report: Report) -> Sequence[tuple[str, str]]:
    return [
        ("orders per second, first POST to rest", f"{report.orders_per_second:,.1f}"),
        ("placed to projected, p50 / p95 / max", _spread(report.placed_to_projected)),
        ("POST /orders, p50 / p95 / max", _spread(report.post)),
        *((f"phase: {name}", f"{seconds:,.1f} s") for name, seconds in report.seconds.items()),
    ]


def _spread(found: Spread) -> str:
    if found.p50 is None:
        return "not measured"
    return f"{found.p50:.3f} / {found.p95:.3f} / {found.max:.3f} s"


def _functions(report: Report) -> Table:
    table = Table(title="Where the time went", title_justify="left", box=None, pad_edge=False)
    table.add_column("function")
    for name in ("invocations", "total s", "mean ms"):
        table.add_column(name, justify="right")
    for work in report.functions:
        name = work.name.removesuffix("Function")
        table.add_row(name, f"{work.invocations:,}", f"{work.total_ms / 1000:,.1f}", f"{work.mean_ms:,.1f}")
    return table


def _verdict(report: Report) -> Iterable[str]:
    found = report.reconciliation
    yield ""
    yield f"sent again: {report.retries} (server errors: {report.server_errors})"
    yield from (f"dead letters in {name}: {count}" for name, count in report.dead_letters.items())
    yield from (f"hangs: {what}" for what in report.hanging)
    failures = [f"failed: {one.phase} {one.name}: {one.status} {one.problem}" for one in report.failures]
    yield from _first(failures, "failures")
    yield from _first([f"differs: {difference}" for difference in found.differences], "differences")
    yield f"reconciliation: {found.compared:,} skus compared, {len(found.differences)} differences"
    yield "ok" if report.ok else "NOT ok"


def _first(lines: Sequence[str], name: str) -> Iterable[str]:
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"... and {len(lines) - SHOWN} more {name}"

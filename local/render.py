"""The status of a stack for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Column, Table

from local.state import StackInfo


def show_status(info: StackInfo, status: dict[str, Any]) -> None:
    """Print queues and functions as tables."""
    console = Console()
    console.print(f"{info.url}  {'settled' if status['settled'] else 'at work'}", highlight=False)
    queues = Table("queue", "visible", "in flight", "delayed", box=None, pad_edge=False)
    for name, depth in status["queues"].items():
        queues.add_row(name, *(str(depth[kind]) for kind in ("visible", "in_flight", "delayed")))
    for name, dead in status["dead_letters"].items():
        queues.add_row(name, str(dead), "", "")
    queues.add_row("outbox", str(status["outbox"]), "", "")
    console.print(queues)
    columns = ("workers", "busy", "waiting", "invocations", "errors", "timeouts")
    names = Column("function", min_width=max(map(len, status["functions"])))  # people type them: never cut one
    functions = Table(names, *columns, box=None, pad_edge=False)
    for name, numbers in status["functions"].items():
        functions.add_row(name, *(str(numbers[column]) for column in columns))
    console.print(functions)

"""What the functions' log tells of a run: how long each function worked, and when the projection had read how far."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

REPORT = re.compile(r"REPORT RequestId: \S+\s+Duration: ([\d.]+) ms")
PROJECTION = "ProjectInventoryFunction"


class Batch(NamedTuple):
    """By `at` readers saw every record of the shard up to this sequence number."""

    shard: str
    until: int
    at: datetime


@dataclass(frozen=True)
class Work:
    """One function's invocations."""

    name: str
    invocations: int
    total_ms: float
    mean_ms: float


@dataclass(frozen=True)
class Told:
    """The functions, the busiest first, and the projection's batches in the order in which they ended."""

    functions: Sequence[Work]
    batches: Sequence[Batch]


def size(path: str) -> int:
    """Return the log's size in bytes: from there on it tells of what comes now."""
    return Path(path).stat().st_size


def read(path: str, offset: int) -> Told:
    """Read the log from a byte on."""
    with Path(path).open("rb") as file:
        file.seek(offset)
        return tell(json.loads(line) for line in file if line.endswith(b"\n"))


def tell(entries: Iterable[Mapping[str, Any]]) -> Told:
    """Return what entries {"at", "function", "line"} tell."""
    durations: dict[str, list[float]] = defaultdict(list)
    batches = []
    for entry in entries:
        if report := REPORT.match(entry["line"]):
            durations[entry["function"]].append(float(report[1]))
        elif entry["function"] == PROJECTION and (batch := _batch(entry)):
            batches.append(batch)
    return Told(sorted(map(_work, durations.items()), key=lambda one: -one.total_ms), batches)


def _work(item: tuple[str, Sequence[float]]) -> Work:
    name, durations = item
    total = sum(durations)
    return Work(name, len(durations), round(total, 2), round(total / len(durations), 2))


def _batch(entry: Mapping[str, Any]) -> Batch | None:
    """Return the batch that the handler's line "projected" tells of."""
    try:
        body = json.loads(entry["line"])
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("message") != "projected":
        return None
    shard, _, sequence = body["until"].partition(":")
    return Batch(shard, int(sequence), datetime.fromisoformat(entry["at"]))

"""What the functions of a running stack use: invocations, processor, calls to AWS, statements, lines of the log."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from aiohttp import web

from local.functions.recording import Recorder
from local.state import StackInfo

REPORT = re.compile(r"REPORT RequestId: \S+\s+Duration: ([\d.]+) ms")
STATEMENT = re.compile(r"^127\.0\.0\.1\((\d+)\) LOG: +(?:statement|execute)\b")
LISTED = "TableName", "QueueUrl", "StreamName"
PUT_UNIT = 25 * 1024
"""Bytes of a record that Kinesis counts as one unit; AWS page "Amazon Kinesis Data Streams pricing"."""
KIB = 1024


@dataclass
class Calls:
    """Calls to one operation of AWS: how many, bytes asked and answered, items in transactions, units of a stream."""

    times: float = 0
    sent: float = 0
    received: float = 0
    items: float = 0
    put_units: float = 0

    def __sub__(self, other: Calls) -> Calls:
        return Calls(**{name: value - getattr(other, name) for name, value in vars(self).items()})


class Meter(Recorder):
    """Counts every call of every function."""

    latest: Meter
    """The one that the last stack has made."""

    def __init__(self, aws_url: str, region: str, file: Path) -> None:
        super().__init__(aws_url, region, file)
        self.calls: dict[str, dict[str, Calls]] = defaultdict(lambda: defaultdict(Calls))
        Meter.latest = self

    async def _handle(self, request: web.Request) -> web.Response:
        answer = await super()._handle(request)
        signer = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
        service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        body = await request.read()
        asked = json.loads(body or b"{}")
        parts = [part for one in asked.get("TransactItems", []) for part in one.values()]
        names = [str(one[name]).rpartition("/")[2] for one in (asked, *parts) for name in LISTED if name in one]
        function = self._roles.get(signer[1], "") if signer else ""
        calls = self.calls[function][f"{service.partition('_')[0]} {operation} {(*names, '')[0]}".strip()]
        calls.times += 1
        calls.sent += len(body)
        calls.received += len(answer.body) if isinstance(answer.body, bytes) else 0
        calls.items += len(parts)
        for record in asked.get("Records", []):
            calls.put_units += math.ceil(len(record["Data"]) * 3 / 4 / PUT_UNIT)
        return answer


@dataclass
class Used:
    """What one function used."""

    invocations: float = 0
    local_ms: float = 0
    cpu_ms: float = 0
    log_lines: float = 0
    log_bytes: float = 0
    statements: float = 0
    calls: dict[str, Calls] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Reading:
    """How all counters stood at one moment."""

    log_size: int
    postgres_log_size: int
    cpu: Mapping[int, tuple[str, float]]
    ports: Mapping[int, str]
    calls: Mapping[str, Mapping[str, Calls]]
    wal: int
    postgres_ms: float


def statements_are_logged(info: StackInfo) -> None:
    """Let PostgreSQL log each statement, and from which port it came."""
    with _inventory(info) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("ALTER SYSTEM SET log_line_prefix = '%r '")
        connection.execute("SELECT pg_reload_conf()")


def read(info: StackInfo, pids: Mapping[str, list[int]]) -> Reading:
    """Read all counters; `pids` are the processes of each function."""
    names = {pid: name for name, some in pids.items() for pid in some}
    with _inventory(info) as connection:
        found = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
    return Reading(
        log_size=Path(info.log).stat().st_size,
        postgres_log_size=_postgres_log(info).stat().st_size,
        cpu={pid: (name, ms) for pid, name in names.items() if (ms := _cpu_ms(pid)) is not None},
        ports={port: name for pid, name in names.items() for port in _ports(pid, info.database["port"])},
        calls=deepcopy(Meter.latest.calls),
        wal=int(found[0]) if found else 0,
        postgres_ms=_postgres_ms(info),
    )


def between(info: StackInfo, before: Reading, after: Reading) -> dict[str, Used]:
    """Return what each function used between two readings, without what a process that started meanwhile did."""
    used: dict[str, Used] = defaultdict(Used)
    for entry in _lines(Path(info.log), before.log_size, after.log_size):
        _add_line(used[entry["function"]], entry["line"])
    for pid, (name, ms) in after.cpu.items():
        used[name].cpu_ms += ms - before.cpu[pid][1] if pid in before.cpu else 0
    ports = {**before.ports, **after.ports}
    with _postgres_log(info).open(errors="replace") as file:
        file.seek(before.postgres_log_size)
        for line in file.read(after.postgres_log_size - before.postgres_log_size).splitlines():
            if (found := STATEMENT.match(line)) and (function := ports.get(int(found[1]))):
                used[function].statements += 1
    for name, calls in after.calls.items():
        for one, now in calls.items():
            more = now - before.calls.get(name, {}).get(one, Calls())
            if more.times:
                used[name].calls[one] = more
    return {name: one for name, one in used.items() if one.invocations}


def started(before: Reading, after: Reading) -> list[str]:
    """Return the functions of which another process was started meanwhile."""
    return [name for pid, (name, _) in after.cpu.items() if pid not in before.cpu]


def _add_line(used: Used, line: str) -> None:
    if report := REPORT.match(line):
        used.invocations += 1
        used.local_ms += float(report[1])
    if line.startswith(("START RequestId", "END RequestId", "REPORT RequestId", "INIT_REPORT")):
        return  # Lambda's own lines are others on AWS: an assumption says how large
    used.log_lines += 1
    used.log_bytes += len(line.encode())
    if '"_aws"' in line:
        told = json.loads(line)
        for group in told["_aws"]["CloudWatchMetrics"]:
            for dimensions in group["Dimensions"]:
                values = [f"{name}={told[name]}" for name in dimensions]
                used.metrics |= {" ".join([metric["Name"], *values]) for metric in group["Metrics"]}


def _lines(path: Path, start: int, end: int) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as file:
        file.seek(start)
        for line in file.read(end - start).splitlines():
            yield json.loads(line)


def _cpu_ms(pid: int) -> float | None:
    """Return the processor's time of a process; None when it has ended."""
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return (times.user + times.system) * 1000
    return None


def _ports(pid: int, port: int) -> list[int]:
    with suppress(psutil.Error):
        connections = psutil.Process(pid).net_connections("tcp")
        return [one.laddr.port for one in connections if one.raddr and one.raddr.port == port]
    return []


def _postgres_ms(info: StackInfo) -> float:
    """Return the processor's time of the server and all its children, those that have ended included."""
    (server,) = (
        one
        for one in psutil.Process().children(recursive=True)
        if one.name() == "postgres" and str(info.database["port"]) in one.cmdline()
    )
    times = server.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return own * 1000 + sum(_cpu_ms(one.pid) or 0 for one in server.children())


def _postgres_log(info: StackInfo) -> Path:
    return Path(info.log).with_name("postgresql.log")


def _inventory(info: StackInfo) -> psycopg.Connection[Any]:
    database = {name: info.database[name] for name in ("host", "port", "password")}
    return psycopg.connect(dbname="inventory", user=info.database["username"], autocommit=True, **database)


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return what DynamoDB counts as an item's size; AWS page "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return len(value.strip("-0.").replace(".", "")) // 2 + 2
    if kind == "BS":
        return sum(len(one) for one in value)
    if kind == "M":
        return 3 + sum(len(name.encode()) + _value_bytes(one) + 1 for name, one in value.items())
    return 1


def mean_units(items: list[Mapping[str, Any]], unit: int) -> float:
    """Return how many units of so many KiB an item takes on average."""
    return sum(math.ceil(item_bytes(one) / (unit * KIB)) for one in items) / len(items)

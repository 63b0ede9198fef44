"""The log of all functions: written as JSON lines, read by people."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

PLATFORM = "platform"
"""The name under which event sources and gateway speak."""
HIDDEN = {
    "timestamp", "level", "message", "service", "cold_start", "function_name", "function_memory_size", "function_arn",
    "function_request_id", "xray_trace_id", "location", "correlation_id", "exception",
}  # fmt: skip
NOISE = ("START RequestId", "END RequestId")


class FunctionLog:
    """One file, a line per line: {"at", "function", "request_id", "line"}."""

    def __init__(self, path: Path, remark: Callable[[str], None]) -> None:
        self.path = path
        self._remark = remark
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, function: str, request_id: str | None, line: str) -> None:
        """Append a function's line."""
        entry = {"at": datetime.now(UTC).isoformat(), "function": function, "request_id": request_id, "line": line}
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def say(self, line: str) -> None:
        """Append a line of the local cloud's own, and tell it to whoever watches."""
        self.write(PLATFORM, None, line)
        self._remark(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def entries(
    path: Path, function: str | None, *, follow: bool, running: Callable[[], bool], last: int | None = None
) -> Iterator[dict[str, Any]]:
    """Return the log's entries, of one function or of all; wait for more while `follow` and the stack runs.

    `last` limits how many of those that are there already come first.
    """
    with path.open(encoding="utf-8") as file:
        if last is not None:
            yield from _last(file, function, last)
        while True:
            line = file.readline()
            if line.endswith("\n"):
                entry: dict[str, Any] = json.loads(line)
                if function in (None, entry["function"]):
                    yield entry
            elif follow and running():
                file.seek(file.tell() - len(line.encode()))
                time.sleep(0.1)
            else:
                return


def _last(file: IO[str], function: str | None, number: int) -> Iterator[dict[str, Any]]:
    written: deque[dict[str, Any]] = deque(maxlen=number)
    for line in iter(file.readline, ""):
        if not line.endswith("\n"):
            file.seek(file.tell() - len(line.encode()))
            break
        entry = json.loads(line)
        if function in (None, entry["function"]):
            written.append(entry)
    yield from written


def readable(entry: dict[str, Any], *, everything: bool) -> str | None:
    """Return an entry as a line for people: time, function, level, message, what else it says.

    None for what only machines read (metrics, start and end marks) unless `everything` is asked for.
    """
    at = f"{datetime.fromisoformat(entry['at']).astimezone():%H:%M:%S.%f}"[:-3]
    name = entry["function"].removesuffix("Function")
    if (body := _json(entry["line"])) is None:
        if entry["line"].startswith(NOISE) and not everything:
            return None
        return f"{at} {name:<16} {entry['line'].replace(chr(9), '  ')}"
    if "_aws" in body:
        return f"{at} {name:<16} METRIC {_metrics(body)}" if everything else None
    more = " ".join(f"{key}={_short(value)}" for key, value in body.items() if key not in HIDDEN)
    request = body.get("correlation_id") or body.get("function_request_id") or ""
    if "errorType" in body:  # the runtime's own line of what a handler raised
        told = f"{body['errorType']}: {body.get('errorMessage', '')}"
        return "\n".join([f"{at} {name:<16} ERROR {told}", *"".join(body.get("stackTrace", [])).splitlines()])
    text = f"{at} {name:<16} {body.get('level', '')} {body.get('message', '')} {more} {request}".rstrip()
    return f"{text}\n{body['exception']}" if "exception" in body else text


def _json(line: str) -> dict[str, Any] | None:
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _metrics(body: dict[str, Any]) -> str:
    names = [metric["Name"] for group in body["_aws"]["CloudWatchMetrics"] for metric in group["Metrics"]]
    return " ".join(f"{name}={_short(body.get(name))}" for name in names)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

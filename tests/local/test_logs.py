"""The functions' log: complete lines for readers, and a readable form for people."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from local.logs import FunctionLog, entries, readable

AT = "2026-11-20T12:00:00.123456+00:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "functions.log"


def shown(line: str, *, everything: bool = False) -> str | None:
    """Return how a line reads, without its time."""
    text = readable({"at": AT, "function": "HealthFunction", "request_id": "r", "line": line}, everything=everything)
    return text and text[13:]


def write(path: Path, *lines: tuple[str, str]) -> None:
    log = FunctionLog(path, print)
    for function, line in lines:
        log.write(function, "r1", line)
    log.close()


def test_entries_are_those_of_one_function_or_of_all(path: Path) -> None:
    write(path, ("A", "one"), ("B", "two"), ("A", "drei Ä\u2028"))
    everything = entries(path, None, follow=False, running=lambda: True)
    assert [entry["line"] for entry in everything] == ["one", "two", "drei Ä\u2028"]
    assert [entry["line"] for entry in entries(path, "A", follow=False, running=lambda: True)] == [
        "one",
        "drei Ä\u2028",
    ]


def test_the_local_cloud_s_own_lines_have_a_name_and_are_told(path: Path) -> None:
    said: list[str] = []
    log = FunctionLog(path, said.append)
    log.say("a queue went away")
    log.close()
    (entry,) = entries(path, "platform", follow=False, running=lambda: True)
    assert (entry["request_id"], entry["line"]) == (None, "a queue went away")
    assert said == ["a queue went away"]


@pytest.mark.parametrize(("last", "read"), [(0, []), (1, ["three"]), (2, ["one", "three"]), (9, ["one", "three"])])
def test_the_last_lines_of_a_function(path: Path, last: int, read: list[str]) -> None:
    write(path, ("A", "one"), ("B", "two"), ("A", "three"))

    assert [one["line"] for one in entries(path, "A", follow=False, running=lambda: True, last=last)] == read


def test_following_waits_for_whole_lines_and_ends_with_the_stack(path: Path) -> None:
    write(path, ("A", "first"))
    second = json.dumps({"at": AT, "function": "A", "request_id": None, "line": "zwölf €"}, ensure_ascii=False)
    cut = second.encode().index("€".encode()) + 1
    asked = 0

    def running() -> bool:
        nonlocal asked
        asked += 1
        with path.open("ab") as file:
            if asked == 1:
                file.write(second.encode()[: cut - 1])
            if asked == 2:
                file.write(second.encode()[cut - 1 :] + b"\n")
        return asked < 4

    assert [entry["line"] for entry in entries(path, None, follow=True, running=running)] == ["first", "zwölf €"]


def test_following_hears_of_a_writer_at_work(path: Path) -> None:
    path.touch()
    lines = [("A", str(n)) for n in range(500)]
    writer = threading.Thread(target=write, args=(path, *lines))
    writer.start()
    read = [entry["line"] for entry in entries(path, None, follow=True, running=writer.is_alive)]
    writer.join()
    assert read == [line for _, line in lines][: len(read)]


def test_a_json_line_reads_as_level_message_and_what_else_it_says() -> None:
    line = {"level": "INFO", "message": "answered", "service": "tradepost", "status": 200, "correlation_id": "c1"}
    assert shown(json.dumps(line)) == "Health           INFO answered status=200 c1"


def test_a_traceback_stays_in_lines() -> None:
    line = {"level": "ERROR", "message": "unexpected", "exception": "Traceback\n  at"}
    assert shown(json.dumps(line)) == "Health           ERROR unexpected\nTraceback\n  at"


def test_what_the_runtime_tells_of_an_error_reads_as_python_writes_it() -> None:
    line = {
        "level": "ERROR",
        "errorType": "KeyError",
        "errorMessage": "'A'",
        "requestId": "1",
        "stackTrace": ["  a\n    b\n"],
    }
    assert shown(json.dumps(line)) == "Health           ERROR KeyError: 'A'\n  a\n    b"


def test_metrics_are_for_those_who_ask() -> None:
    metric = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "OrdersPlaced"}]}]}, "OrdersPlaced": [1.0]}
    assert shown(json.dumps(metric)) is None
    assert shown(json.dumps(metric), everything=True) == "Health           METRIC OrdersPlaced=[1.0]"


def test_start_and_end_marks_are_for_those_who_ask() -> None:
    assert shown("START RequestId: 1 Version: $LATEST") is None
    assert shown("END RequestId: 1", everything=True) == "Health           END RequestId: 1"


@pytest.mark.parametrize("line", ["a plain line", "42", "[1]", '"text"', "{"])
def test_what_is_no_json_object_reads_as_it_is(line: str) -> None:
    assert shown(line) == f"Health           {line}"

"""One contestant in a fresh process: `python -I -S -B child.py < said.json` prints what it measured, as JSON.

Reads {"paths", "handler": "module.attribute", "environment", "event", "stub": a name in stub.py, or null where AWS is
reached at AWS_ENDPOINT_URL, "warm": how many calls more, "others": {name: event}}. The clock starts when the handler is
imported; what AWS's runtime client has loaded by then is loaded before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _frozen_importlib_external import PathFinder

TYPE_CHECKING = False  # typing is loaded by those who want it
if TYPE_CHECKING:
    from typing import Any

RUNTIME_CLIENT = ("contextlib", "decimal", "logging", "re", "threading", "traceback", "warnings")
"""What AWS's runtime client has loaded besides, before it loads a handler."""
SESSIONS = "botocore.session"
UNIQUE = "<unique>"
"""Stands in an event for something that no other call says; in `others`, no other process."""


class Context:
    """What Lambda tells a function of its invocation."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:function"
    aws_request_id = "0b0c1f7e-7d40-4000-8000-000000000001"
    log_group_name = "/aws/lambda/function"
    log_stream_name = "2026/11/20/[$LATEST]stream"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return how long the invocation may still take."""
        return 50_000


class Wire:
    """Hears of every request at the event that botocore emits before it sends; answers it, where there is a stub.

    Every session that is made is told of it. Imports no part of botocore itself.
    """

    def __init__(self, answer: Any) -> None:
        self.calls = 0
        self.first = {}
        self._answer = answer

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Find botocore's sessions as Python does, and let them know this."""
        if name != SESSIONS:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def loaded(module: Any) -> None:
            load(module)
            made = module.Session.__init__

            def make(session: Any, *arguments: Any, **named: Any) -> None:
                made(session, *arguments, **named)
                session.register("before-send", self._send)
                session.register("response-received", self._received)

            module.Session.__init__ = make

        spec.loader.exec_module = loaded
        return spec

    def _send(self, request: Any, **_: Any) -> Any:
        self.calls += 1
        if not self._answer:
            self._sent = time.perf_counter_ns(), time.process_time_ns()
            return None
        target = request.headers["X-Amz-Target"]
        operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        status, said = self._answer(operation, json.loads(request.body))
        response = sys.modules["botocore.awsrequest"].AWSResponse
        headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "stub"}
        return response(request.url, status, headers, Body(json.dumps(said).encode()))

    def _received(self, **_: Any) -> None:
        if not self._answer and not self.first:
            took, spent = time.perf_counter_ns() - self._sent[0], time.process_time_ns() - self._sent[1]
            self.first = {"request_ms": took / 1e6, "request_cpu_ms": spent / 1e6}


class Body:
    """What urllib3's response is asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> list[bytes]:
        """Return the content in one piece."""
        return [self._content]


def measured(said: dict[str, Any]) -> dict[str, Any]:
    """Import the handler, call it once, then again and again."""
    for loaded in RUNTIME_CLIENT:
        __import__(loaded)
    wire = Wire(answers(said["stub"]) if said["stub"] else None)
    sys.meta_path.insert(0, wire)
    sys.path[:0] = said["paths"]
    os.environ.update(said["environment"])
    text, (module, _, name) = json.dumps(said["event"]), said["handler"].rpartition(".")
    events = (json.loads(text.replace(UNIQUE, f"{os.getpid()}-{time.time_ns()}")) for _ in range(said["warm"] + 1))
    first = next(events)

    clock = time.perf_counter_ns
    spent = time.process_time_ns()
    began = clock()
    __import__(module)
    imported = clock()
    handler = getattr(sys.modules[module], name)
    answer = handler(first, Context)
    called = clock()
    spent = time.process_time_ns() - spent
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - pathlib is not loaded
        pages = int(statm.read().split()[1])
    found = {
        "cold_ms": (called - began) / 1e6,
        "cold_cpu_ms": spent / 1e6,
        "import_ms": (imported - began) / 1e6,
        **wire.first,
        "rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "modules": len(sys.modules),
        "calls": wire.calls,
        "answer": answer,
    }
    warm = []
    spent = 0
    for event in events:
        before = time.process_time_ns()
        start = clock()
        found["again"] = handler(event, Context)
        warm.append((clock() - start) / 1000)
        spent += time.process_time_ns() - before
    if warm:
        found["warm_cpu_us"] = spent / 1000 / len(warm)
    others = json.loads(json.dumps(said["others"]).replace(UNIQUE, f"{os.getpid()}-{time.time_ns()}"))
    others = {name: handler(event, Context) for name, event in others.items()}
    return {**found, "warm_us": warm, "others": others}


def answers(name: str) -> Any:
    """Return what answers in AWS's place."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as above
    sys.path.insert(0, folder)
    stub = __import__("stub")
    sys.path.remove(folder)
    return stub.STUBS[name]


def main() -> None:
    """Measure with the log lines of functions going nowhere."""
    said = json.load(sys.stdin)
    told = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    found = json.dumps(measured(said)).encode()
    while found:
        found = found[os.write(told, found) :]
    os._exit(0)  # Lambda ends no process either; threads of its own might be waited for


main()

"""A contestant's turn under AWS's runtime client, which is asked and listened to as Lambda does it (Runtime API).

`cold` is from the start of the process until its first answer has come, `import` until it asks for an event: the
interpreter's own start and the client's are in both. Warm calls pass through the client, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

from benchmarks import packages
from benchmarks.contest import PATIENCE, VARIABLES, Contest, Contestant, Turn

START = "import sys; sys.path[1:1] = sys.argv[2:]; from awslambdaric.__main__ import main; main(sys.argv[:2])"
IDENTITY = {
    "Lambda-Runtime-Aws-Request-Id": "0b0c1f7e-7d40-4000-8000-000000000001",
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:function",
    "Content-Type": "application/json",  # without, the client does not survive its first event
    "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
}


class RuntimeApi:
    """One process's way to its events; what it says, and when, comes out of `heard`."""

    def __init__(self) -> None:
        self.heard: Queue[tuple[str, bytes, int]] = Queue()
        self.events: Queue[bytes] = Queue()

    def ask(self, event: Any) -> tuple[Any, int, int]:
        """Hand over an event; return the answer, and the nanoseconds at which each went. Raises RuntimeError."""
        said = json.dumps(event).encode()
        began = time.perf_counter_ns()
        self.events.put(said)
        body, at = self._hear("/response")
        self.idle()
        return json.loads(body), began, at

    def idle(self) -> int:
        """Wait until the process asks for an event; return when that was. Raises RuntimeError."""
        return self._hear("/next")[1]

    def _hear(self, wanted: str) -> tuple[bytes, int]:
        path, body, at = self.heard.get(timeout=PATIENCE)
        if not path.endswith(wanted):
            raise RuntimeError(body.decode())
        return body, at

    def ended(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        """Wait for a process to end, and let nobody wait for what it would have said."""
        code = process.wait()
        complaints.seek(0)
        text = f"{process.args[-2:]} ended with {code}:\n{complaints.read().decode()[-4000:]}"
        self.heard.put(("", text.encode(), 0))

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen on loopback; return the value for AWS_LAMBDA_RUNTIME_API."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                api.heard.put((self.path, b"", time.perf_counter_ns()))
                deadline = {"Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 50_000)}
                self._answer(200, api.events.get(), IDENTITY | deadline)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                at = time.perf_counter_ns()
                self._answer(202, b"{}", {})
                api.heard.put((self.path, body, at))

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Say nothing of a process that was ended while it waited."""

        with Server(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield f"127.0.0.1:{server.server_port}"
            server.shutdown()


def under_client(contest: Contest, one: Contestant) -> Turn:
    """Let a contestant have its turn in a fresh process of AWS's runtime client."""
    api = RuntimeApi()
    paths = [*one.paths, packages.peer("runtime_client")]
    command = [sys.executable, "-I", "-S", "-B", "-c", START, one.handler, *map(str, paths)]
    environment = {**VARIABLES, **contest.environment, **one.environment, "PATH": os.environ["PATH"], "TZ": ":UTC"}
    with api.serving() as address, TemporaryFile() as complaints:
        began = time.perf_counter_ns()
        process = subprocess.Popen(  # noqa: S603 - one of ours
            command,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": address, "LAMBDA_TASK_ROOT": str(one.paths[0])},
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        watch = Thread(target=api.ended, args=(process, complaints))
        watch.start()
        try:
            ready = api.idle()
            answer, asked, answered = api.ask(contest.event)
            spent = _spent(process.pid)
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            warm = [api.ask(contest.event) for _ in range(contest.warm)]
            spent_warm = _spent(process.pid) - spent
        finally:
            process.kill()
            watch.join()
    return {
        "cold_ms": (ready - began + answered - asked) / 1e6,
        "cold_cpu_ms": spent / 1e6,
        "import_ms": (ready - began) / 1e6,
        "rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "warm_us": [(to - since) / 1000 for _, since, to in warm],
        "warm_cpu_us": spent_warm / 1000 / max(1, contest.warm),
        "answer": answer,
        "again": warm[-1][0] if warm else answer,
        "others": {},
    }


def _spent(pid: int) -> int:
    """Return the nanoseconds of a process on the processor (clock_getcpuclockid(3), which Python does not have)."""
    return time.clock_gettime_ns((~pid << 3) | 2)

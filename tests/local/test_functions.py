"""Functions in real processes under awslambdaric: what Lambda promises to a handler and to its caller."""

import asyncio
import gc
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from local.functions.service import Credentials, Functions, RequestTooLarge, Stopped, UnknownFunction
from local.model import Function, Invocation

COUNTING = """
    import os
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        return [calls, os.getpid()]
"""
GATED = """
    import os, pathlib, time
    def handler(gate, context):
        while not pathlib.Path(gate).exists():
            time.sleep(0.005)
        return os.getpid()
"""


@dataclass
class Bench:
    """A folder with a module `app`, the functions that run it, what they logged and for whom roles were assumed."""

    code: Path
    functions: Functions | None = None
    lines: list[tuple[str | None, str]] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    lifetimes: list[float] = field(default_factory=list)

    def write(self, source: str) -> None:
        (self.code / "app.py").write_text(dedent(source))

    def open(
        self,
        source: str,
        *,
        timeout: float = 5,
        variables: dict[str, str] | None = None,
        log_format: str = "Text",
        log_level: str | None = None,
        **options: Any,
    ) -> None:
        self.write(source)
        probe = Function(
            "Probe", "app.handler", variables or {}, 256, timeout, "arn:role", self.code, log_format, log_level
        )
        self.functions = Functions(
            {"Probe": probe},
            **{"credentials": self.assume, "environment": {}, "region": "eu-west-1", "log": self.log, **options},
        )

    def log(self, function: str, request_id: str | None, line: str) -> None:
        assert function == "Probe"
        self.lines.append((request_id, line))

    async def assume(self, function: Function) -> Credentials:
        self.assumed.append(function.role_arn)
        lifetime = self.lifetimes.pop(0) if self.lifetimes else 3600
        return Credentials(f"key{len(self.assumed)}", "secret", "token", time.time() + lifetime)

    async def invoke(self, event: Any = None) -> Invocation:
        assert self.functions
        return await self.functions.invoke("Probe", event)

    async def value(self, event: Any = None) -> Any:
        answer = await self.invoke(event)
        assert answer.error is None, answer
        return answer.json()

    async def failure(self, event: Any = None) -> Any:
        answer = await self.invoke(event)
        assert answer.error == "Unhandled"
        return answer.json()

    @property
    def status(self) -> dict[str, Any]:
        assert self.functions
        return self.functions.status()["Probe"]

    @property
    def text(self) -> list[str]:
        return [line for _, line in self.lines]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "code").mkdir()
    bench = Bench(tmp_path / "code")
    yield bench
    if bench.functions:
        await bench.functions.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - processes and pools tell nobody when they change
            await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether the process has ended; an orphan stays a zombie where process 1 does not reap."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_event_and_answer_are_json_and_the_worker_is_kept_warm(bench: Bench) -> None:
    bench.open("n = 0\ndef handler(event, context):\n    global n; n += 1\n    return [n, event]")
    assert await bench.value({"é": [None, True, 1.5]}) == [1, {"é": [None, True, 1.5]}]
    assert await bench.value("✓") == [2, "✓"]
    assert (bench.status["workers"], bench.status["busy"], bench.status["invocations"]) == (1, 0, 2)


async def test_context_tells_what_lambda_tells(bench: Bench) -> None:
    bench.open("""
        import os
        def handler(event, context):
            names = ("aws_request_id", "invoked_function_arn", "memory_limit_in_mb", "function_name",
                     "function_version", "log_group_name")
            told = {name: getattr(context, name) for name in names}
            return told | {"left": context.get_remaining_time_in_millis(), "trace": os.environ["_X_AMZN_TRACE_ID"]}
    """)
    told = await bench.value()
    assert 4000 < told.pop("left") <= 5000
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", told.pop("trace"))
    assert bench.lines[0] == (told["aws_request_id"], f"START RequestId: {told.pop('aws_request_id')} Version: $LATEST")
    assert told == {
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:000000000000:function:Probe",
        "memory_limit_in_mb": "256",
        "function_name": "Probe",
        "function_version": "$LATEST",
        "log_group_name": "/aws/lambda/Probe",
    }


async def test_json_logs_hold_each_line_once_whoever_writes_it(bench: Bench) -> None:
    """Lambda's JSON format, Powertools' logger, Python's own, and what the runtime tells of an error."""
    bench.open(
        """
        import logging
        from aws_lambda_powertools import Logger
        logger = Logger(service="shop")
        def handler(event, context):
            logger.info("by powertools")
            logger.debug("never")
            logging.getLogger("other").info("by another")
            raise KeyError("A")
        """,
        log_format="JSON",
        log_level="INFO",
    )
    await bench.failure()
    said = [json.loads(line) for line in bench.text if line.startswith("{")]
    assert [line.get("message") for line in said] == ["by powertools", "by another", None]
    assert [line["level"] for line in said] == ["INFO", "INFO", "ERROR"]
    assert said[2]["errorType"] == "KeyError"


async def test_environment_is_lambdas_and_nothing_of_this_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DEVELOPER", "1")
    monkeypatch.setenv("AWS_PROFILE", "production")
    bench.open(
        "import os\ndef handler(event, context): return dict(os.environ)",
        variables={"TABLE": "orders", "TZ": "Asia/Tokyo", "AWS_REGION": "mars-1"},
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
    )
    found = await bench.value()
    # The last two are the interpreter's own, on a machine without that locale and on a Mac.
    by_the_way = ("AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID", "LC_CTYPE", "__CF_USER_TEXT_ENCODING")
    for name in by_the_way:
        found.pop(name, None)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found.pop("AWS_LAMBDA_LOG_STREAM_NAME"))
    assert found == {
        "TABLE": "orders",
        "TZ": "Asia/Tokyo",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "key1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": "Probe",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Probe",
        "LAMBDA_TASK_ROOT": str(bench.code),
        "PYTHONPATH": str(bench.code),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "_HANDLER": "app.handler",
    }


async def test_exception_is_answered_as_the_runtime_words_it_and_the_worker_stays(bench: Bench) -> None:
    bench.open("""
        import os
        def handler(event, context):
            if event == "fail":
                raise ValueError("no ✓")
            return os.getpid()
    """)
    pid = await bench.value()
    told = await bench.failure("fail")
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "no ✓")
    assert "in handler" in told["stackTrace"][0]
    assert await bench.value() == pid
    assert (bench.status["invocations"], bench.status["errors"]) == (3, 1)


async def test_a_long_stack_trace_gets_through(bench: Bench) -> None:
    """Awslambdaric puts all of it into one HTTP header too."""
    calls = "".join(f"def step{n}(): step{n + 1}()\n" for n in range(300))
    bench.open(f"{calls}def step300(): return {{}}['deep']\ndef handler(event, context): step0()")
    told = await bench.failure()
    assert (told["errorType"], len(told["stackTrace"])) == ("KeyError", 302)


async def test_half_a_surrogate_pair_reaches_the_handler(bench: Bench) -> None:
    """An event may carry one, from a header that was not UTF-8."""
    bench.open("def handler(event, context): return ascii(event)")
    assert await bench.value("\ud800") == r"'\ud800'"


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("import nothing_like_it", "Runtime.ImportModuleError", "No module named 'nothing_like_it'"),
        ("raise RuntimeError('é')", "RuntimeError", "é"),
        ("def handler(", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("other = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("import sys; sys.exit(4)", "Runtime.ExitError", "Runtime exited with error: exit status 4"),
        ("import os; os.kill(os.getpid(), 9)", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
    ],
)
async def test_code_that_does_not_load_fails_each_invocation_once(
    bench: Bench, source: str, kind: str, message: str
) -> None:
    bench.open(source)
    for told in await asyncio.gather(bench.failure(), bench.failure()):
        assert told["errorType"] == kind
        assert message in told["errorMessage"]
    started = [line for line in bench.text if line.startswith("INIT_REPORT")]
    assert len(started) == 2
    assert started[0].endswith(f"\tPhase: init\tStatus: error\tError Type: {kind}")
    bench.write("def handler(event, context): return 'repaired'")
    assert await bench.value() == "repaired"


async def test_loading_has_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.functions.pool.INIT_LIMIT", 0.3)
    bench.open("import time; time.sleep(60)")
    told = await bench.failure()
    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith(" Error: Task timed out after 0.30 seconds")


@pytest.mark.parametrize(
    ("death", "reason"),
    [
        ("import sys; sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("import sys; sys.exit(0)", "Runtime exited without providing a reason"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("import os; os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
async def test_death_during_an_invocation_is_an_exit_error(bench: Bench, death: str, reason: str) -> None:
    bench.open(f"def handler(event, context):\n    print('last words', end='')\n    {death}")
    told = await bench.failure()
    request_id = bench.lines[0][0]
    assert told == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
    assert (request_id, "last words") in bench.lines
    bench.write("def handler(event, context): return 'alive again'")
    assert await bench.value() == "alive again"


async def test_timeout_ends_the_process_and_all_it_started(bench: Bench) -> None:
    bench.open(
        """
        import os, subprocess, time
        def handler(event, context):
            if event:
                return os.getpid()
            print(subprocess.Popen(["sleep", "60"]).pid)
            time.sleep(60)
        """,
        timeout=0.5,
    )
    first = await bench.value("pid")
    began = time.monotonic()
    told = await bench.failure()
    assert 0.5 <= time.monotonic() - began < 1.5
    request_id, line = bench.lines[-3]
    assert re.fullmatch(rf"[-\d]+T[:.\d]+Z {request_id} Task timed out after 0.50 seconds", line)
    assert bench.text[-1].endswith("\tStatus: timeout")
    assert told == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 0.50 seconds",
    }
    child = int(next(line for line in bench.text if line.isdigit()))
    assert await bench.value("pid") != first
    await until(lambda: gone(first) and gone(child))
    assert (bench.status["errors"], bench.status["timeouts"]) == (1, 1)


async def test_workers_grow_with_the_load_to_the_limit(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    bench.open(GATED, limit=3)
    calls = [asyncio.create_task(bench.value(str(gate))) for _ in range(7)]
    await until(lambda: bench.status["busy"] == 3)
    assert (bench.status["workers"], bench.status["waiting"]) == (3, 4)
    gate.touch()
    assert set(await asyncio.gather(*calls)) == set(bench.status["pids"])
    assert bench.status["workers"] == 3
    assert len({await bench.value(str(gate)) for _ in range(5)}) == 1, "the most recently used worker is reused"


async def test_calls_wait_in_the_order_of_their_arrival(bench: Bench) -> None:
    bench.open(COUNTING, limit=1)
    answers = await asyncio.gather(*(bench.value() for _ in range(300)))
    assert [count for count, _ in answers] == list(range(1, 301))


async def test_idle_workers_are_let_go(bench: Bench) -> None:
    bench.open(COUNTING, idle_seconds=0.05)
    _, pid = await bench.value()
    await until(lambda: bench.status["workers"] == 0 and gone(pid))
    assert (await bench.value())[0] == 1


async def test_a_worker_that_died_idle_is_replaced(bench: Bench) -> None:
    bench.open(COUNTING)
    _, pid = await bench.value()
    os.kill(pid, 9)
    await until(lambda: bench.status["workers"] == 0)
    assert (await bench.value())[0] == 1


async def test_changed_code_runs_at_the_next_invocation(bench: Bench) -> None:
    bench.open("import part\ndef handler(event, context): return part.VERSION")
    (bench.code / "part").mkdir()
    (bench.code / "part" / "__init__.py").write_text("VERSION = 'old'")
    assert await bench.value() == "old"
    [pid] = bench.status["pids"]
    (bench.code / "part" / "__init__.py").write_text("VERSION = 'newer'")
    assert await bench.value() == "newer"
    await until(lambda: gone(pid))


async def test_a_busy_worker_with_old_code_finishes_first(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    bench.open(GATED)
    old = asyncio.create_task(bench.value(str(gate)))
    await until(lambda: bench.status["busy"] == 1)
    bench.write("def handler(event, context): return 'new code'")
    assert await bench.value() == "new code"
    gate.touch()
    pid = await old
    await until(lambda: gone(pid))
    assert bench.status["workers"] == 1


async def test_credentials_are_renewed_in_time_and_shared_by_workers(bench: Bench) -> None:
    """A worker takes a call only if its credentials outlast the timeout, here 5 s, by a minute."""
    bench.lifetimes = [65, 3600]
    bench.open("import os\ndef handler(event, context): return os.environ['AWS_ACCESS_KEY_ID']")
    assert [await bench.value(), await bench.value()] == ["key1", "key2"]
    assert set(await asyncio.gather(*(bench.value() for _ in range(5)))) == {"key2"}
    assert bench.assumed == ["arn:role"] * 2


async def test_a_role_that_cannot_be_assumed_is_the_callers_error(bench: Bench) -> None:
    async def refuse(function: Function) -> Credentials:
        raise PermissionError(function.role_arn)

    bench.open(COUNTING, credentials=refuse)
    with pytest.raises(PermissionError, match="arn:role"):
        await bench.invoke()


async def test_an_event_over_6_mb_is_refused(bench: Bench) -> None:
    bench.open("def handler(event, context): return len(event)")
    largest = 6 * 1024 * 1024 - len('""')
    assert await bench.value("x" * largest) == largest
    with pytest.raises(RequestTooLarge, match="6291456 bytes"):
        await bench.invoke("x" * (largest + 1))


async def test_a_response_over_6_mb_is_an_error_and_the_next_invocation_works(bench: Bench) -> None:
    bench.open("def handler(event, context): return 'x' * event")
    largest = 6_291_556 - len('""')
    assert len(await bench.value(largest)) == largest
    assert await bench.failure(largest + 1) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert await bench.value(1) == "x"


@pytest.mark.parametrize("event", [object(), {"at": {1, 2}}, float("nan"), {"bytes": b""}])
async def test_an_event_that_is_not_json_is_a_type_error(bench: Bench, event: Any) -> None:
    bench.open(COUNTING)
    with pytest.raises(TypeError):
        await bench.invoke(event)
    assert bench.status["workers"] == 0


async def test_an_unknown_name_is_told_with_the_nearest(bench: Bench) -> None:
    bench.open(COUNTING)
    assert bench.functions
    with pytest.raises(UnknownFunction, match=r"^no function 'Prob'; did you mean Probe\? known: Probe$"):
        await bench.functions.invoke("Prob", {})


async def test_log_has_each_line_with_its_request_between_start_and_report(bench: Bench) -> None:
    bench.open("""
        import sys
        print("loading")
        def handler(event, context):
            print(event)
            print("to stderr", file=sys.stderr)
            print("x" * 1_000_000)
            print("no newline", end="")
    """)
    await bench.value("first")
    await bench.value("second")
    ids = [line.split()[2] for line in bench.text if line.startswith("START")]
    expected: list[tuple[str | None, str]] = [(None, "loading")]
    for request_id, event in zip(ids, ["first", "second"], strict=True):
        lines = [f"START RequestId: {request_id} Version: $LATEST", event, "to stderr", "x" * 1_000_000, "no newline"]
        expected += [(request_id, line) for line in [*lines, f"END RequestId: {request_id}"]]
    assert [entry for entry in bench.lines if not entry[1].startswith("REPORT")] == expected
    report = r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
    report += r"\tMax Memory Used: \d+ MB"
    cold, warm = (line for line in bench.text if line.startswith("REPORT"))
    assert re.fullmatch(report + r"\tInit Duration: [\d.]+ ms", cold)
    assert re.fullmatch(report, warm)


async def test_an_invocation_outlives_the_caller_who_gave_up(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    bench.open(GATED)
    caller = asyncio.create_task(bench.invoke(str(gate)))
    await until(lambda: bench.status["busy"] == 1)
    [pid] = bench.status["pids"]
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert bench.status["busy"] == 1
    gate.touch()
    await until(lambda: bench.status["invocations"] == 1)
    assert await bench.value(str(gate)) == pid


def children() -> set[psutil.Process]:
    """Return our child processes, which other tests' servers may be among."""
    return set(psutil.Process().children(recursive=True))


async def test_stop_before_a_worker_has_started(bench: Bench) -> None:
    """Whatever the start has come to, the caller gets an answer, and no process or open file remains."""
    gc.collect()  # what other tests have left, which would be closed in between
    files, others = psutil.Process().num_fds(), children()
    for turns in range(20):  # of the event loop
        bench.open(COUNTING)
        call = asyncio.create_task(bench.invoke())
        for _ in range(turns):
            await asyncio.sleep(0)
        assert bench.functions
        await bench.functions.stop()
        with pytest.raises(Stopped):
            await call
    await until(lambda: all(gone(child.pid) for child in children() - others))

    await until(lambda: psutil.Process().num_fds() <= files)


async def test_stop_leaves_nothing_behind(bench: Bench) -> None:
    """Not a process, even of those that ignore SIGTERM and have children; every caller has an answer."""
    bench.open(
        """
        import signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "60"])
        def handler(event, context):
            time.sleep(60)
        """,
        limit=2,
        timeout=60,
    )
    others = children()
    calls = [asyncio.create_task(bench.invoke()) for _ in range(3)]
    await until(lambda: bench.status["busy"] == 2)
    started = children() - others
    assert len(started) == 4
    began = time.monotonic()
    assert bench.functions
    await bench.functions.stop()
    assert time.monotonic() - began < 2
    await until(lambda: all(gone(process.pid) for process in started))
    *running, waiting = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, Invocation) and b"signal: killed" in answer.payload for answer in running)
    assert isinstance(waiting, Stopped)
    with pytest.raises(Stopped):
        await bench.invoke()

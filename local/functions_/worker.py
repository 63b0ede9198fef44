"""One worker: a process under awslambdaric, its Runtime API and what it prints."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import psutil

from local.model import Function
from local.runtime import Call, Failure, RuntimeApi, exited, timed_out

LogSink = Callable[[str, str | None, str], None]
"""Takes a function's name, the id of the request its worker is at (None: at none) and one line of text."""

_PIPE = 128 * 1024  # bytes, more than a pipe holds: one read takes all that was written before it
_GRACE = 0.5  # seconds from SIGTERM to SIGKILL


class Output:
    """What a process prints, passed on line by line, each of any length."""

    def __init__(self, emit: Callable[[str | None, str], None]) -> None:
        self.request_id: str | None = None
        self._emit = emit
        self._partial = bytearray()
        self._loop = asyncio.get_running_loop()
        self._reader: int | None = None

    @contextmanager
    def writer(self) -> Iterator[int]:
        """Open the pipe and lend the end that the process writes to; then only the process has it."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop.add_reader(self._reader, self.drain)
        try:
            yield writer
        finally:
            os.close(writer)

    def say(self, line: str) -> None:
        """Add a line of the platform's own."""
        self._emit(self.request_id, line)

    def drain(self) -> None:
        """Pass on the complete lines among what has been written until now, without waiting."""
        if self._reader is None:
            return
        try:
            chunk = os.read(self._reader, _PIPE)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._reader)  # nobody holds the other end
        self._partial += chunk
        if (newline := chunk.rfind(b"\n")) >= 0:
            self._pass_on(len(self._partial) - len(chunk) + newline + 1)

    def flush(self) -> None:
        """Pass on everything written until now, a last line without its newline too."""
        self.drain()
        self._pass_on(len(self._partial))

    def close(self) -> None:
        """Pass on everything and let go of the pipe."""
        self.flush()
        if self._reader is not None:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = None

    def _pass_on(self, size: int) -> None:
        complete = bytes(self._partial[:size])
        del self._partial[:size]
        for line in complete.splitlines():  # "\r" too: awslambdaric joins the lines of a traceback with it
            self._emit(self.request_id, line.decode(errors="replace"))


class Worker:
    """A process that runs one invocation at a time, as one of Lambda's execution environments does.

    `served` counts the invocations it took. After `failure` is set it takes no more; `stop` it then.
    """

    def __init__(self, function: Function, arn: str, log: LogSink) -> None:
        self.function = function
        self.served = 0
        self._api = RuntimeApi(arn)
        self._output = Output(partial(log, function.name))
        self._loop = asyncio.get_running_loop()
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[None] | None = None
        self._peak = 0  # bytes of resident memory, the most of all samples
        self._init = 0.0  # ms

    @property
    def failure(self) -> Failure | None:
        """Why it takes no more invocations."""
        return self._api.failure

    @property
    def pid(self) -> int | None:
        """The process's id, which is its process group's too; None before `start`."""
        return self._process.pid if self._process else None

    async def start(self, environment: Mapping[str, str], limit: float, gone: Callable[[], None]) -> None:
        """Start the process and wait until its handler is loaded; `failure` says that it could not be.

        `limit` is in seconds; AWS page "Understanding the Lambda execution environment lifecycle", Init
        phase. `gone` is called when the process ends, for whatever reason.
        """
        began = time.perf_counter()
        process = await self._spawn(environment)
        self._exit = asyncio.create_task(self._watch(process, gone))
        timer = self._loop.call_later(limit, self._expire, timed_out(limit))
        await self._api.idle.wait()
        timer.cancel()
        self._init = (time.perf_counter() - began) * 1000
        self._sample()
        if self.failure:
            self._output.drain()
            self._output.say(f"INIT_REPORT Init Duration: {self._init:.2f} ms\tPhase: init{_status(self.failure)}")

    async def invoke(self, call: Call) -> bool:
        """Run `call` to its end and write its log; False if the process ended before it saw the event.

        The function's time runs from here. A worker that could not start answers its first call with why.
        """
        began = time.perf_counter()
        call.deadline = int((time.time() + self.function.timeout) * 1000)
        timer = self._loop.call_later(self.function.timeout, self._time_out, call)
        await self._api.idle.wait()
        taken = not (self.failure and self.served) or call.answer.done()
        if taken:
            self._begin(call)
            await call.answer  # directly: the caller and this task wake in the same turn of the event loop
            self._report(call, (time.perf_counter() - began) * 1000)
        timer.cancel()
        return taken

    def terminate(self) -> None:
        """End the process and all it started: SIGTERM now and, if need be, SIGKILL half a second later."""
        self._signal(signal.SIGTERM)
        self._loop.call_later(_GRACE, self._signal, signal.SIGKILL)

    async def stop(self) -> None:
        """End the process, wait for that and close the sockets."""
        if self._exit:
            self.terminate()
            await asyncio.wait({self._exit})
        await self._api.close()
        self._output.close()

    async def _spawn(self, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        address = await self._api.open()
        with self._output.writer() as writer:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "awslambdaric", self.function.handler),
                cwd=self.function.code,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": address},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
            )
        return self._process

    async def _watch(self, process: asyncio.subprocess.Process, gone: Callable[[], None]) -> None:
        try:
            code = await process.wait()
        finally:
            self._signal_group(signal.SIGKILL)  # what it started must not outlive it
        self._output.drain()
        self._api.fail(exited(code))
        gone()

    def _begin(self, call: Call) -> None:
        self.served += 1
        self._output.drain()
        self._output.request_id = call.id
        self._output.say(f"START RequestId: {call.id} Version: $LATEST")
        if self.failure:
            call.resolve(self.failure.answer(call.id))
        else:
            self._api.deliver(call)

    def _report(self, call: Call, duration: float) -> None:
        """Write what Lambda writes after an invocation; AWS page "Viewing CloudWatch logs for Lambda"."""
        self._sample()
        self._output.flush()
        for line in _explanation(self.failure, call.id):
            self._output.say(line)
        self._output.say(f"END RequestId: {call.id}")
        init = f"\tInit Duration: {self._init:.2f} ms" if self.served == 1 else ""
        self._output.say(
            f"REPORT RequestId: {call.id}\tDuration: {duration:.2f} ms\tBilled Duration: {math.ceil(duration)} ms"
            f"\tMemory Size: {self.function.memory} MB\tMax Memory Used: {self._peak >> 20} MB"
            f"{init}{_status(self.failure)}"
        )
        self._output.request_id = None

    def _time_out(self, call: Call) -> None:
        failure = timed_out(self.function.timeout)
        call.resolve(failure.answer(call.id))
        self._expire(failure)

    def _expire(self, failure: Failure) -> None:
        self._sample()
        self._api.fail(failure)
        self._signal(signal.SIGKILL)

    def _sample(self) -> None:
        with suppress(psutil.Error):
            self._peak = max(self._peak, psutil.Process(self.pid).memory_info().rss)

    def _signal(self, number: signal.Signals) -> None:
        if self._exit and not self._exit.done():
            self._signal_group(number)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
                os.killpg(self.pid, number)


def _status(failure: Failure | None) -> str:
    if failure is None:
        return ""
    return "\tStatus: timeout" if failure.timed_out else f"\tStatus: error\tError Type: {failure.kind}"


def _explanation(failure: Failure | None, request_id: str) -> tuple[str, ...]:
    if failure is None or failure.payload:
        return ()  # the runtime has told it
    if failure.timed_out:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return (f"{now} {request_id} {failure.reason}",)
    return (f"RequestId: {request_id} Error: {failure.reason}", failure.kind)

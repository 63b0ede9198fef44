"""Child processes of the stack: started with a log, waited for, ended with their whole group."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from local.state import LocalError, State

Spawn = Callable[[], Awaitable[asyncio.subprocess.Process]]


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


COMING_BACK = 20.0
"""Seconds in which a process that is started anew must listen."""


class Child:
    """One long-lived child process in a process group of its own."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, again: Spawn) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._again = again

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], state: State, env: Mapping[str, str], options: Mapping[str, Any]
    ) -> Child:
        """Start it with its output in log/NAME.log."""
        log = state.log / f"{name}.log"
        spawn = partial(_spawn, command, state, log, env, options)
        return cls(name, await spawn(), log, spawn)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def listening(self, port: int, seconds: float = 20) -> None:
        """Wait until it listens on a loopback port. Raises LocalError when it ends or takes too long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            if self._process.returncode is not None:
                raise self.died()
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)
        raise LocalError(f"{self.name} did not answer within {seconds:.0f} s; see {self._log}")

    async def wait(self) -> None:
        """Wait until it ends."""
        await self._process.wait()

    async def keep(self, port: int, say: Callable[[str], None]) -> None:
        """Start it anew whenever it ends. Raises LocalError when it does not come to listen any more."""
        while True:
            await self.wait()
            say(f"{self.died()}; it is started again")
            await self._come_back(port)
            say(f"{self.name} is back")

    async def _come_back(self, port: int) -> None:
        """Start it until it listens: what its last self left running may stand in its way for a moment."""
        deadline = asyncio.get_running_loop().time() + COMING_BACK
        while True:
            self._process = await self._again()
            try:
                return await self.listening(port)
            except LocalError:
                if self._process.returncode is None or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.1)

    def died(self) -> LocalError:
        """Return what to say of its unexpected end."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        last = f": {lines[-1][-200:]}" if lines else ""
        return LocalError(f"{self.name} ended with status {self._process.returncode}{last} (see {self._log})")

    async def stop(self, gently: signal.Signals, grace: float = 2.0) -> None:
        """End it and its group: gently first, then for certain after `grace` seconds."""
        try:
            if self._process.returncode is None:
                self._process.send_signal(gently)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), grace)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


async def _spawn(
    command: Sequence[str], state: State, log: Path, env: Mapping[str, str], options: Mapping[str, Any]
) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
            **{"stdout": output, "stderr": output, "cwd": state.tmp, **options},
        )
    with suppress(psutil.NoSuchProcess):
        state.remember_child(process.pid, psutil.Process(process.pid).create_time())
    return process

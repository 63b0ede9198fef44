"""What a stack stands on: a real PostgreSQL, an emulated AWS account, and a secret that leads from one to the other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any

from local.bridge import bridge, bridged
from local.emulator import Emulator
from local.postgres import Cluster
from local.processes import Child, free_port
from local.state import LocalError, State

HOST = "127.0.0.1"

Say = Callable[[str], None]
"""Tells people something: what begins now, or what went wrong beside the functions."""

FRONT_ENDS = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 3001, 4200, 5173, 8080)]
"""Where front ends at work are served; API Gateway's one form for "any port" allows every site."""
SETTINGS = {
    "Stage": "local",
    "Database": "existing",
    "DatabaseSslMode": "disable",
    "CallsPerMinute": "6000",  # everybody here comes from one address
    "CorsOrigins": ",".join(FRONT_ENDS),
}
"""What the template's parameters are here unless somebody says otherwise."""


class Ground:
    """PostgreSQL and the emulated AWS, each a process of its own.

    With `docker`, functions in containers reach them, too.
    """

    def __init__(self, state: State, remark: Say, *, docker: bool) -> None:
        self._docker = docker
        self._host = bridge() if docker else HOST
        self.aws = Emulator(free_port(), state.tmp, self._host)
        self.cluster = Cluster(state.postgres / "data", free_port(), self._host)
        self.remark = remark
        self._state = state
        self._secret_arn = ""
        self._lasting: list[asyncio.Task[None]] = []
        self._exit = AsyncExitStack()

    async def start(self) -> None:
        """Start both. Raises LocalError; `stop` must be called either way."""
        await asyncio.gather(self._start_postgres(), self._start_emulator())
        self._secret_arn = await asyncio.to_thread(self._keep_secret)

    async def stop(self) -> None:
        """End both."""
        await self._exit.aclose()

    async def broken(self) -> None:
        """Wait until a part ends that cannot be started anew, and raise LocalError saying which."""
        done, _ = await asyncio.wait(self._lasting, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()

    def parameters(self, chosen: Mapping[str, str]) -> Mapping[str, str]:
        """Return the template's parameters for a stack that stands here, with what somebody has chosen."""
        return {
            "DatabaseSecretArn": self._secret_arn,
            "CognitoOrigin": self.aws.url,
            **SETTINGS,
            **chosen,
            "EventSources": "disabled",  # the emulator's own pollers; ours take the messages
        }

    async def _start_postgres(self) -> None:
        await asyncio.to_thread(self.cluster.create)
        command, options = self.cluster.command()
        child = await self._child("postgresql", command, {}, options, self.cluster.port, signal.SIGINT)
        self._watch(child.keep(self.cluster.port, self.remark))

    async def _start_emulator(self) -> None:
        child = await self._child("aws", self.aws.command(), self.aws.settings(), {}, self.aws.port, signal.SIGTERM)
        self._watch(_must_not_end(child))  # its state would be lost

    def _keep_secret(self) -> str:
        secret = self.aws.client("secretsmanager").create_secret(
            Name="tradepost/database", SecretString=json.dumps(self.cluster.secret())
        )
        return str(secret["ARN"])

    def _watch(self, part: Coroutine[Any, Any, None]) -> None:
        """Watch over a part until the ground is left, and never longer than that."""
        task = asyncio.create_task(part)
        self._lasting.append(task)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._exit.push_async_callback(end)

    async def _child(
        self,
        name: str,
        command: Any,
        settings: Mapping[str, str],
        options: Mapping[str, Any],
        port: int,
        gently: signal.Signals,
    ) -> Child:
        home = str(self._state.tmp)
        env = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **settings}
        child = await Child.start(name, command, self._state, env, options)
        self._exit.push_async_callback(child.stop, gently)
        await child.listening(port)
        if self._docker:
            await self._bridge(port)
        return child

    async def _bridge(self, port: int) -> None:
        """Let functions in containers reach a server, too."""
        try:
            await self._exit.enter_async_context(bridged(self._host, port, port))
        except OSError as error:
            raise LocalError(f"port {port} is taken on Docker's bridge: try again") from error


async def _must_not_end(child: Child) -> None:
    await child.wait()
    raise child.died()

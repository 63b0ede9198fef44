"""Running what `sam deploy` has made of a stack in the emulated AWS, anew after each deployment of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from local.deployed import last_change, read_deployed
from local.deployment import physical_ids
from local.ground import Ground, Say
from local.logs import FunctionLog
from local.model import Deployment
from local.serving import Serving, refuse_busy
from local.stack import Options
from local.state import LocalError, StackInfo, State

NOTHING = Deployment({}, (), None, (), (), (), {})
LOOK_SECONDS = 0.3

Ready = Callable[[StackInfo, Mapping[str, str]], None]
"""Hears how to reach what stands ready, and which parameters a stack there must be deployed with."""


class Follower:
    """Serves a stack as it was last deployed, at one address all the time; before and after that, nothing."""

    def __init__(self, state: State, stack: str, ground: Ground, log: FunctionLog) -> None:
        self._state = state
        self._stack = stack
        self._ground = ground
        self._log = log
        self._seen = ""
        self._serving = Serving(ground, NOTHING, log)

    async def start(self, port: int) -> StackInfo:
        """Serve nothing yet; return how to reach it."""
        self._info = await self._serving.open({}, port)
        self._state.write(self._info)
        return self._info

    async def follow(self) -> None:
        """Serve what is deployed, for ever."""
        while True:
            change = await asyncio.to_thread(last_change, self._ground.aws.client, self._stack)
            if change is not None and change != self._seen:
                self._seen = change
                await self._serve()
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Serve no longer."""
        await self._serving.stop()

    async def _serve(self) -> None:
        deployment, resources = NOTHING, dict[str, str]()
        try:
            if self._seen:
                deployment, resources = await asyncio.to_thread(self._read)
            serving = Serving(self._ground, deployment, self._log)
        except (LocalError, ClientError) as error:
            self._ground.remark(f"{self._stack} cannot be run: {error}")
            return
        await self._serving.stop()
        self._serving = serving
        ports = (urlsplit(url).port or 0 for url in (self._info.url, self._info.lambda_url))
        self._info = await serving.open(resources, *ports)
        self._state.write(self._info)
        self._ground.remark(f"serving {self._stack} as deployed" if self._seen else f"{self._stack} is gone")

    def _read(self) -> tuple[Deployment, dict[str, str]]:
        client = self._ground.aws.client
        folder = self._state.tmp / "packages"
        return read_deployed(client, self._stack, folder), dict(physical_ids(client, self._stack))


async def follow(state: State, options: Options, step: Say, remark: Say, ready: Ready) -> None:
    """Stand ready for deployments of a stack, say so, and serve them. Raises LocalError when that cannot go on."""
    refuse_busy(options.port)
    async with AsyncExitStack() as leaving:
        leaving.callback(step, "stopping")
        ground = Ground(state, remark, docker=options.docker)
        leaving.push_async_callback(ground.stop)
        step("starting PostgreSQL and the emulated AWS")
        await ground.start()
        log = FunctionLog(state.log / "functions.log", remark)
        leaving.callback(log.close)
        follower = Follower(state, options.deployed or "", ground, log)
        leaving.push_async_callback(follower.stop)
        ready(await follower.start(options.port), ground.parameters(options.parameters))
        parts = [asyncio.create_task(one) for one in (follower.follow(), ground.broken())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

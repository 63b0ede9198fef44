"""One running stack: its parts in the order in which they start, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.custom_resources import run_custom_resource
from local.deployment import (
    References,
    custom_resources,
    deploy,
    hold_boundaries,
    leave_out_triggers,
    physical_ids,
)
from local.emulator import REGION
from local.functions.recording import Recorder, granted
from local.ground import HOST, SETTINGS, Ground, Say
from local.logs import FunctionLog
from local.model import Deployment
from local.reading import read_back
from local.services import SETTINGS as SERVICES
from local.services import Services
from local.serving import Serving, refuse_busy
from local.sources import QueuePoller, StreamPoller
from local.state import StackInfo, State
from local.template import code_folders, translate


@dataclass(frozen=True)
class Options:
    """What a person may choose: the HTTP port, the template, and values of its parameters.

    `deployed` names a stack that somebody deploys with `sam deploy`, to be run instead of the template. With `docker`,
    functions in containers reach the emulated AWS and PostgreSQL; with `services`, the API is answered by services
    behind nginx, and with `docker` these run in containers. `record` is a file that calls of functions are noted in.
    """

    port: int
    template: Path
    parameters: Mapping[str, str]
    docker: bool = False
    services: bool = False
    deployed: str | None = None
    record: Path | None = None


class Stack:
    """A stack as it starts. Every part registers its own end, so a failure leaves nothing half-started."""

    def __init__(self, state: State, options: Options, step: Say, remark: Say) -> None:
        self._state = state
        self._options = options
        self._step = step
        self._log = state.log / "functions.log"
        self._exit = AsyncExitStack()
        self._ground = Ground(state, remark, docker=options.docker)

    async def start(self) -> StackInfo:
        """Start everything and return how to reach it. Raises LocalError; `stop` must be called either way."""
        self._step("reading template.yaml")
        template = await asyncio.to_thread(translate, self._options.template, {**SETTINGS, **self._parameters}, REGION)
        self._step("starting PostgreSQL and the emulated AWS")
        self._exit.push_async_callback(self._ground.stop)
        await self._ground.start()
        self._step("creating the stack's resources")
        customs = custom_resources(template)
        deployment = await asyncio.to_thread(self._deploy, template)
        self._step("migrating the databases")
        log = FunctionLog(self._log, self._ground.remark)
        self._exit.callback(log.close)
        recorder = await self._recorder(deployment, self._options.record) if self._options.record else None
        self._serving = Serving(self._ground, deployment, log, recorder)
        if self._options.docker:
            self._state.write_variables({name: one.environment for name, one in deployment.functions.items()})
        self._exit.push_async_callback(self._serving.stop)
        for custom in customs:
            await run_custom_resource(custom, self._serving.functions.invoke)
        self._step("opening the front door")
        resources = await asyncio.to_thread(physical_ids, self._ground.aws.client)
        if not self._options.services:
            return await self._serving.open(resources, self._options.port)
        info = await self._serving.open(resources, 0)
        services = Services(self._ground, deployment, self._state, log.write, containers=self._options.docker)
        self._exit.push_async_callback(services.stop)
        return replace(info, url=await services.start(self._options.port))

    @property
    def _parameters(self) -> Mapping[str, str]:
        return {**(SERVICES if self._options.services else {}), **self._options.parameters}

    async def stop(self) -> None:
        """End everything, the last started first."""
        await self._exit.aclose()

    def rest(self) -> None:
        """End the workers that only the start needed, so that an idle stack is small."""
        self._serving.rest()

    async def broken(self) -> None:
        """Wait until a part ends that cannot be started anew, and raise LocalError saying which."""
        await self._ground.broken()

    def kill_pollers(self, kind: type[QueuePoller | StreamPoller]) -> None:
        """Kill the pollers of all queues, or of all streams; others take over."""
        self._serving.kill_pollers(kind)

    def _deploy(self, template: dict[str, Any]) -> Deployment:
        leave_out_triggers(template)
        references = References(template)
        outputs = deploy(self._ground.aws.client, template, self._ground.parameters(self._parameters))
        hold_boundaries(self._ground.aws.client, template)
        return read_back(template, references, outputs, code_folders(self._options.template))

    async def _recorder(self, deployment: Deployment, file: Path) -> Recorder:
        aws = self._ground.aws
        recorder = Recorder(aws.url, REGION, file)
        self._exit.push_async_callback(recorder.stop)
        await recorder.start(HOST)
        resources = await asyncio.to_thread(physical_ids, aws.client)
        recorder.note(roles=await granted(aws.client("iam"), deployment.functions.values()), resources=resources)
        return recorder


@asynccontextmanager
async def running(state: State, options: Options, step: Say, remark: Say) -> AsyncIterator[tuple[Stack, StackInfo]]:
    """Run a stack for as long as the block."""
    refuse_busy(options.port)
    stack = Stack(state, options, step, remark)
    try:
        yield stack, await stack.start()
    finally:
        step("stopping")
        await stack.stop()

"""What runs of one deployment: its functions, its event sources, its HTTP API, and the Lambda service in front."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack

from local.emulator import REGION
from local.functions.recording import Recorder
from local.functions.service import Functions
from local.gateway.server import Gateway
from local.ground import HOST, Ground
from local.lambda_api import LambdaApi
from local.logs import FunctionLog
from local.model import Deployment
from local.sources.queues import QueuePoller
from local.sources.schedules import Scheduler
from local.sources.streams import Checkpoints, StreamPoller
from local.sources.supervising import Supervised
from local.state import LocalError, StackInfo
from local.status import StatusReport

IDLE_SECONDS = 60
"""How long a worker without work is kept, so that an idle stack is small."""


class Serving:
    """A deployment that runs, on the ground that it was deployed to; a recorder may stand between functions and AWS."""

    def __init__(
        self, ground: Ground, deployment: Deployment, log: FunctionLog, recorder: Recorder | None = None
    ) -> None:
        _check_handlers(deployment)
        self._ground = ground
        self._deployment = deployment
        self._log = log
        self._exit = AsyncExitStack()
        self._pollers: list[Supervised[QueuePoller] | Supervised[StreamPoller]] = []
        self.functions = Functions(
            deployment.functions,
            credentials=recorder.assuming(ground.aws.credentials) if recorder else ground.aws.credentials,
            environment={"AWS_ENDPOINT_URL": (recorder or ground.aws).url, "TMPDIR": str(ground.aws.folder)},
            region=REGION,
            log=log.write,
            idle_seconds=IDLE_SECONDS,
        )
        self._exit.push_async_callback(self.functions.stop)

    async def open(self, resources: Mapping[str, str], port: int, lambda_port: int = 0) -> StackInfo:
        """Take events and requests, at these ports (0: any free one); return how to reach it. Raises LocalError."""
        self.functions.warm(_first_needed(self._deployment))
        self._consume()
        lambda_url = await self._listen(self._lambda_api(resources), lambda_port)
        gateway = Gateway(
            self._deployment.routes,
            self._deployment.cors,
            invoke=self.functions.invoke,
            say=self._log.say,
            region=REGION,
        )
        url = await self._listen(gateway, port)
        return StackInfo(
            pid=os.getpid(),
            url=url,
            lambda_url=lambda_url,
            aws_url=self._ground.aws.url,
            region=REGION,
            access_key=self._ground.aws.access_key,
            secret_key=self._ground.aws.secret_key,
            database=self._ground.cluster.secret(),
            outputs={**self._deployment.outputs, "ApiUrl": url},
            resources=resources,
            users={},
            log=str(self._log.path),
        )

    async def stop(self) -> None:
        """End all of it, the last started first."""
        await self._exit.aclose()

    def rest(self) -> None:
        """End the workers that only the start needed, so that an idle stack is small."""
        self.functions.rest(_first_needed(self._deployment))

    def kill_pollers(self, kind: type[QueuePoller | StreamPoller]) -> None:
        """Kill the pollers of all queues, or of all streams; others take over."""
        for supervised in self._pollers:
            if isinstance(supervised.poller, kind):
                supervised.kill()

    def _consume(self) -> None:
        sqs, kinesis = self._ground.aws.client("sqs"), self._ground.aws.client("kinesis")
        both = {"sqs": sqs, "invoke": self.functions.invoke, "say": self._log.say}
        for queue in self._deployment.queues:
            self._pollers.append(Supervised(functools.partial(QueuePoller, queue, **both), self._log.say))
        for stream in self._deployment.streams:
            kept = {"kinesis": kinesis, "checkpoints": Checkpoints()}
            self._pollers.append(Supervised(functools.partial(StreamPoller, stream, **kept, **both), self._log.say))
        schedulers = [Scheduler(one, **both) for one in self._deployment.schedules]
        tasks = [asyncio.create_task(one.run()) for one in (*self._pollers, *schedulers)]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=2.5)

        self._exit.push_async_callback(end)

    def _lambda_api(self, resources: Mapping[str, str]) -> LambdaApi:
        queues = {name: url for name, url in resources.items() if "/" in url and url.startswith("http")}
        status = StatusReport(
            self._deployment,
            queues,
            sqs=self._ground.aws.client("sqs"),
            database=self._ground.cluster.secret(),
            functions=self.functions,
            pollers=self._pollers,
        )
        known = self._deployment.functions
        return LambdaApi(invoke=self.functions.invoke, functions=lambda: known, status=status, region=REGION)

    async def _listen(self, server: Gateway | LambdaApi, port: int) -> str:
        try:
            chosen = await server.start(HOST, port)
        except OSError as error:
            raise _busy(port) if error.errno == errno.EADDRINUSE else error from error
        self._exit.push_async_callback(server.stop)
        return f"http://{HOST}:{chosen}"


def refuse_busy(port: int) -> None:
    """Raise LocalError for a port that another program has, before much has been started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _busy(port) from error


def _busy(port: int) -> LocalError:
    return LocalError(f"port {port} is taken by another program: stop it, or choose one with --port (0: any free port)")


def _first_needed(deployment: Deployment) -> set[str]:
    """Return the functions on an order's way: they are started before the first order comes."""
    sources = {one.function for one in deployment.queues} | {one.function for one in deployment.streams}
    placing = {route.function for route in deployment.routes if route.method == "POST" and route.path == "/orders"}
    return sources | placing


def _check_handlers(deployment: Deployment) -> None:
    """Raise LocalError for a function whose module does not exist, rather than a 500 at its first call."""
    for function in deployment.functions.values():
        module = function.code / f"{function.handler.rpartition('.')[0].replace('.', '/')}.py"
        if not module.is_file():
            raise LocalError(f"{function.name}: its Handler is {function.handler}, but there is no {module}")

"""One running stack: its parts in the order in which they start, and back again."""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.bridge import bridge, bridged
from local.custom_resources import run_custom_resource
from local.deployment import References, custom_resources, deploy, leave_out_triggers, physical_ids
from local.emulator import REGION, Emulator
from local.functions.service import Functions
from local.gateway.server import Gateway
from local.lambda_api import LambdaApi
from local.logs import FunctionLog
from local.model import Deployment
from local.postgres import Cluster
from local.processes import Child, free_port
from local.reading import read_back
from local.sources.queues import QueuePoller
from local.sources.schedules import Scheduler
from local.sources.streams import Checkpoints, StreamPoller
from local.sources.supervising import Supervised
from local.state import LocalError, StackInfo, State
from local.status import StatusReport
from local.template import code_folders, translate

HOST = "127.0.0.1"
IDLE_SECONDS = 60
"""How long a worker without work is kept, so that an idle stack is small."""
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

Say = Callable[[str], None]
"""Tells people something: what begins now, or what went wrong beside the functions."""


@dataclass(frozen=True)
class Options:
    """What a person may choose: the HTTP port, the template, and values of its parameters.

    With `docker`, functions in containers reach the emulated AWS and PostgreSQL.
    """

    port: int
    template: Path
    parameters: Mapping[str, str]
    docker: bool = False


class Stack:
    """A stack as it starts. Every part registers its own end, so a failure leaves nothing half-started."""

    def __init__(self, state: State, options: Options, step: Say, remark: Say) -> None:
        self._state = state
        self._options = options
        self._step = step
        self._remark = remark
        self._exit = AsyncExitStack()
        self._lasting: list[asyncio.Task[None]] = []
        self._pollers: list[Supervised[QueuePoller] | Supervised[StreamPoller]] = []
        self._host = bridge() if options.docker else HOST
        self._aws = Emulator(free_port(), state.tmp, self._host)

    async def start(self) -> StackInfo:
        """Start everything and return how to reach it. Raises LocalError; `stop` must be called either way."""
        self._step("reading template.yaml")
        template = await asyncio.to_thread(
            translate, self._options.template, {**SETTINGS, **self._options.parameters}, REGION
        )
        self._step("starting PostgreSQL and the emulated AWS")
        cluster, _ = await asyncio.gather(self._start_postgres(), self._start_emulator())
        self._step("creating the stack's resources")
        customs = custom_resources(template)
        deployment = await asyncio.to_thread(self._deploy, template, cluster)
        self._step("migrating the databases")
        log = FunctionLog(self._state.log / "functions.log", self._remark)
        self._exit.callback(log.close)
        _check_handlers(deployment)
        if self._options.docker:
            self._state.write_variables({name: one.environment for name, one in deployment.functions.items()})
        functions = self._functions(deployment, log)
        self._exit.push_async_callback(functions.stop)
        for custom in customs:
            await run_custom_resource(custom, functions.invoke)
        self._step("opening the front door")
        resources = await asyncio.to_thread(physical_ids, self._aws.client)
        functions.warm(_first_needed(deployment))
        self._rest = functools.partial(functions.rest, keep=_first_needed(deployment))
        self._consume(deployment, functions, log)
        lambda_url = await self._serve_lambda(deployment, functions, cluster, resources)
        url = await self._serve_http(deployment, functions, log)
        return StackInfo(
            pid=os.getpid(),
            url=url,
            lambda_url=lambda_url,
            aws_url=self._aws.url,
            region=REGION,
            access_key=self._aws.access_key,
            secret_key=self._aws.secret_key,
            database=cluster.secret(),
            outputs={**deployment.outputs, "ApiUrl": url},
            resources=resources,
            users={},
            log=str(log.path),
        )

    async def stop(self) -> None:
        """End everything, the last started first."""
        await self._exit.aclose()

    def rest(self) -> None:
        """End the workers that only the start needed, so that an idle stack is small."""
        self._rest()

    async def broken(self) -> None:
        """Wait until a part ends that cannot be started anew, and raise LocalError saying which."""
        done, _ = await asyncio.wait(self._lasting, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()

    def kill_pollers(self, kind: type[QueuePoller | StreamPoller]) -> None:
        """Kill the pollers of all queues, or of all streams; others take over."""
        for supervised in self._pollers:
            if isinstance(supervised.poller, kind):
                supervised.kill()

    async def _start_postgres(self) -> Cluster:
        cluster = Cluster(self._state.postgres / "data", free_port(), self._host)
        await asyncio.to_thread(cluster.create)
        command, options = cluster.command()
        child = await self._child("postgresql", command, {}, options, cluster.port, signal.SIGINT)
        self._watch(child.keep(cluster.port, self._remark))
        return cluster

    async def _start_emulator(self) -> None:
        child = await self._child("aws", self._aws.command(), self._aws.settings(), {}, self._aws.port, signal.SIGTERM)
        self._watch(_must_not_end(child))  # its state would be lost

    def _watch(self, part: Coroutine[Any, Any, None]) -> None:
        """Watch over a part until the stack stops, and never longer than that."""
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
        if self._options.docker:
            await self._bridge(port)
        return child

    async def _bridge(self, port: int) -> None:
        """Let functions in containers reach a server, too."""
        try:
            await self._exit.enter_async_context(bridged(self._host, port, port))
        except OSError as error:
            raise LocalError(f"port {port} is taken on Docker's bridge: try again") from error

    def _deploy(self, template: dict[str, Any], cluster: Cluster) -> Deployment:
        secret = self._aws.client("secretsmanager").create_secret(
            Name="tradepost/database", SecretString=json.dumps(cluster.secret())
        )
        parameters = {
            "DatabaseSecretArn": secret["ARN"],
            "CognitoOrigin": self._aws.url,
            **SETTINGS,
            **self._options.parameters,
            "EventSources": "disabled",  # the emulator's own pollers; ours take the messages
        }
        leave_out_triggers(template)
        references = References(template)
        outputs = deploy(self._aws.client, template, parameters)
        return read_back(template, references, outputs, code_folders(self._options.template))

    def _functions(self, deployment: Deployment, log: FunctionLog) -> Functions:
        environment = {"AWS_ENDPOINT_URL": self._aws.url, "TMPDIR": str(self._state.tmp)}
        return Functions(
            deployment.functions,
            credentials=self._aws.credentials,
            environment=environment,
            region=REGION,
            log=log.write,
            idle_seconds=IDLE_SECONDS,
        )

    def _consume(self, deployment: Deployment, functions: Functions, log: FunctionLog) -> None:
        sqs, kinesis = self._aws.client("sqs"), self._aws.client("kinesis")
        both = {"sqs": sqs, "invoke": functions.invoke, "say": log.say}
        for queue in deployment.queues:
            self._pollers.append(Supervised(functools.partial(QueuePoller, queue, **both), log.say))
        for stream in deployment.streams:
            kept = {"kinesis": kinesis, "checkpoints": Checkpoints()}
            self._pollers.append(Supervised(functools.partial(StreamPoller, stream, **kept, **both), log.say))
        schedulers = [Scheduler(one, **both) for one in deployment.schedules]
        tasks = [asyncio.create_task(one.run()) for one in (*self._pollers, *schedulers)]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=2.5)

        self._exit.push_async_callback(end)

    async def _serve_lambda(
        self,
        deployment: Deployment,
        functions: Functions,
        cluster: Cluster,
        resources: Mapping[str, str],
    ) -> str:
        queues = {name: url for name, url in resources.items() if "/" in url and url.startswith("http")}
        status = StatusReport(
            deployment,
            queues,
            sqs=self._aws.client("sqs"),
            database=cluster.secret(),
            functions=functions,
            pollers=self._pollers,
        )
        api = LambdaApi(invoke=functions.invoke, functions=lambda: deployment.functions, status=status, region=REGION)
        return await self._listen(api, 0)

    async def _serve_http(self, deployment: Deployment, functions: Functions, log: FunctionLog) -> str:
        gateway = Gateway(deployment.routes, deployment.cors, invoke=functions.invoke, say=log.say, region=REGION)
        return await self._listen(gateway, self._options.port)

    async def _listen(self, server: Gateway | LambdaApi, port: int) -> str:
        try:
            chosen = await server.start(HOST, port)
        except OSError as error:
            raise _busy(port) if error.errno == errno.EADDRINUSE else error from error
        self._exit.push_async_callback(server.stop)
        return f"http://{HOST}:{chosen}"


async def _must_not_end(child: Child) -> None:
    await child.wait()
    raise child.died()


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


def _refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _busy(port) from error


def _busy(port: int) -> LocalError:
    return LocalError(f"port {port} is taken by another program: stop it, or choose one with --port (0: any free port)")


@asynccontextmanager
async def running(state: State, options: Options, step: Say, remark: Say) -> AsyncIterator[tuple[Stack, StackInfo]]:
    """Run a stack for as long as the block."""
    _refuse_busy(options.port)
    stack = Stack(state, options, step, remark)
    try:
        yield stack, await stack.start()
    finally:
        step("stopping")
        await stack.stop()

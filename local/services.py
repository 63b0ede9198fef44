"""The API as services behind a reverse proxy: nginx and a server for each service, as in containers, on this machine.

The settings of nginx and the command of the servers are those of the images (containers/). A service has the variables
of the functions whose routes it answers, and a role that may do what theirs may.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import runpy
import shutil
import signal
import string
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from local.emulator import REGION
from local.functions.worker import LogSink, Output
from local.ground import HOST, Ground
from local.model import Deployment, Function
from local.processes import Child, free_port
from local.state import ROOT, LocalError, State

PROXY = ROOT / "containers" / "nginx.conf.template"
SERVER = (
    "granian",
    "--interface",
    "wsgi",
    "--factory",
    "--workers-kill-timeout",
    "8",
    "--no-ws",
)
"""The command of a service's server, but for what it serves; its address and threads are those of its variables."""
THREADS = {"product": "3", "user": "8", "inventory": "4"}
"""How many requests a service answers at once: more where AWS is waited for, fewer where all want Python's lock."""
APP = "handlers.service:app"
CONTAINER = ("--network", "host", "--read-only", "--tmpfs=/tmp", "--cap-drop", "ALL")
"""How a container runs here: with this machine's network, else as in stacks/containers.yaml."""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
SETTINGS = {"UserStore": "postgres"}
"""What the template's parameters are for services."""


class Services:
    """The three services and nginx, on a stack's ground. Every part registers its own end.

    With `containers` each is a container of its image, which `make containers` builds.
    """

    def __init__(self, ground: Ground, deployment: Deployment, state: State, log: LogSink, *, containers: bool) -> None:
        self._containers = containers
        self._log = log
        self._ground = ground
        self._deployment = deployment
        self._state = state
        self._exit = AsyncExitStack()

    async def start(self, port: int) -> str:
        """Start all of them; return the URL of nginx. Raises LocalError; `stop` must be called either way."""
        served = self._served()
        ports = {name: free_port() for name in served}
        await asyncio.gather(*(self._start(name, served[name], port) for name, port in ports.items()))
        chosen = port or free_port()
        variables = settings(chosen, {name: [own] for name, own in ports.items()})
        command = functools.partial(proxy, self._state.tmp, variables)
        await self._child("nginx", "proxy", command, variables, chosen, signal.SIGQUIT, self._state.tmp)
        return f"http://{HOST}:{chosen}"

    async def stop(self) -> None:
        """End all of them: nginx first, and each when its requests are answered."""
        await self._exit.aclose()

    def _served(self) -> dict[str, list[Function]]:
        """Return the functions of each service: those of routes that it answers, and their authorizers."""
        functions, code = self._deployment.functions, next(iter(self._deployment.functions.values())).code
        table = runpy.run_path(str(code / "handlers" / "http" / "routes.py"))
        found: dict[str, list[Function]] = {name: [] for name in table["SERVICES"]}
        for name, own in found.items():
            for one in self._deployment.routes:
                if table["answers"](name, one.path):
                    own += [functions[one.function], *([functions[one.authorizer.function]] if one.authorizer else [])]
        return found

    async def _start(self, name: str, functions: list[Function], port: int) -> None:
        environment = {key: value for one in functions for key, value in one.environment.items()}
        environment |= await asyncio.to_thread(self._secrets, environment)
        environment |= await asyncio.to_thread(self._role, name, functions)
        environment |= {
            "SERVICE": name,
            "GRANIAN_BLOCKING_THREADS": THREADS[name],
            **address(port),
            "TOKENS_VERIFIED_BY": "gateway",
            "CORS_ORIGINS": ",".join(self._deployment.cors.origins if self._deployment.cors else ()),
            "AWS_ENDPOINT_URL": self._ground.aws.url,
            "AWS_REGION": REGION,
        }
        await self._child(name, "service", server, environment, port, signal.SIGTERM, functions[0].code)

    def _secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the text of each secret, which a task is given as it is when it starts."""
        client = self._ground.aws.client("secretsmanager")
        return {
            name.removesuffix("_ARN"): client.get_secret_value(SecretId=arn)["SecretString"]
            for name, arn in environment.items()
            if name.endswith("_SECRET_ARN") and arn
        }

    def _role(self, name: str, functions: list[Function]) -> dict[str, str]:
        """Make a role that may do what the functions may; return its keys."""
        iam, sts = self._ground.aws.client("iam"), self._ground.aws.client("sts")
        role = iam.create_role(RoleName=f"{name}-service", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        for one in functions:
            own = one.role_arn.rpartition("/")[2]
            for policy in iam.list_role_policies(RoleName=own)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=own, PolicyName=policy)["PolicyDocument"]
                iam.put_role_policy(
                    RoleName=f"{name}-service", PolicyName=f"{one.name}{policy}", PolicyDocument=json.dumps(document)
                )
        keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName=name, DurationSeconds=43200)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }

    async def _child(
        self,
        name: str,
        image: str,
        native: Callable[[], list[str]],
        more: Mapping[str, str],
        port: int,
        gently: signal.Signals,
        folder: Path,
    ) -> None:
        if self._containers:
            called = f"tradepost-{zlib.crc32(str(self._state.folder).encode()):x}-{name}"
            command = container(called, image, more)
            remove(called)
            self._exit.callback(remove, called)
        else:
            command = native()
        home = str(self._state.tmp)
        env = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **more}
        output = Output(functools.partial(self._log, name))
        with output.writer() as writer:
            child = await Child.start(
                name, command, self._state, env, {"cwd": folder, "stdout": writer, "stderr": writer}
            )
        self._exit.callback(output.close)
        self._exit.push_async_callback(child.stop, gently, 10)
        try:
            await child.listening(port)
        except LocalError as error:
            raise LocalError(f"{name} does not start (see {self._state.log / 'functions.log'})") from error


def found_nginx() -> str | None:
    """Return the path of nginx, which Debian keeps where only root looks."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


UPSTREAMS = {"PRODUCT": "product", "USERS": "user", "INVENTORY": "inventory"}
"""The variables of the proxy's settings that name the servers of each service."""


def settings(port: int, servers: Mapping[str, Iterable[int]]) -> dict[str, str]:
    """Return the variables of the proxy's settings on this machine, with the ports of each service's servers."""
    upstreams = {name: " ".join(f"server {HOST}:{one} max_fails=0;" for one in own) for name, own in servers.items()}
    return {
        "LISTEN": HOST,
        "PORT": str(port),
        "TRUSTED": f"{HOST}/32",
        **{variable: upstreams[name] for variable, name in UPSTREAMS.items()},
    }


def filled(template: str, variables: Mapping[str, Any]) -> str:
    """Put ${NAME} in place, as envsubst does, and leave nginx's own $variables as they are."""
    return string.Template(template.replace("$", "$$").replace("$${", "${")).substitute(variables)


def server() -> list[str]:
    """Return the command of a service's server, to be run in the folder of the code, with `address` as variables."""
    return [str(Path(sys.executable).parent / SERVER[0]), *SERVER[1:], APP]


def address(port: int) -> dict[str, str]:
    """Return the variables that say where a server listens."""
    return {"GRANIAN_HOST": HOST, "GRANIAN_PORT": str(port)}


def proxy(folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the command of an nginx whose files are in a folder. Raises LocalError without an nginx."""
    if not (program := found_nginx()):
        raise LocalError("services stand behind nginx, which is not installed here: on Debian, apt install nginx-light")
    file = folder / "nginx.conf"
    file.write_text(filled(PROXY.read_text(), variables))
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(file), "-g", "daemon off;"]


def container(name: str, image: str, variables: Iterable[str]) -> list[str]:
    """Return the command that runs an image, to which the command's own variables of these names are passed on."""
    passed = [word for variable in variables for word in ("--env", variable)]
    return ["docker", "run", "--rm", "--name", name, *CONTAINER, *passed, f"tradepost/{image}:local"]


def remove(name: str) -> None:
    """Remove a container that is left."""
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=True)

"""The commands of the SAM CLI, run as people run them, on a stack that listens on Docker's bridge too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from local import asking, rotating
from local.state import ROOT, StackInfo, State
from tests.samples.expected import function_of

SAM = Path(sys.executable).with_name("sam")
SECONDS = 180
"""Most that one invocation may take, with the image that the first one makes."""


class Broken(Exception):
    """A command did not do what it is for; the message ends with its last words."""


class Running:
    """A running stack, as scenes are set in it: by its own functions, outside of containers."""

    def __init__(self, state: State, response_url: str) -> None:
        self.info: StackInfo = state.read()
        self.variables = state.variables
        self.response_url = response_url
        self.credentials = cache(self._credentials)

    def invoke(self, module: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Run a function of the local cloud."""
        answer = asking.invoke(self.info, function_of(module.replace("_", "-")), json.dumps(event).encode())
        told: dict[str, Any] = answer.json()
        return told

    def secret(self, service: str) -> str:
        """Return the ARN of a service's secret."""
        return rotating.secret_arn(self.info, service.lower())

    def letter(self, body: str) -> str:
        """Put a letter among those of the orders' queue."""
        url = self.info.resources["OrdersDeadLetters"]
        return str(self.info.client("sqs").send_message(QueueUrl=url, MessageBody=body)["MessageId"])

    def _credentials(self, function: str | None) -> dict[str, str]:
        """Return variables with temporary credentials of a function's role; with the account's own for None."""
        region = {"AWS_DEFAULT_REGION": self.info.region}
        if function is None:
            return {**region, "AWS_ACCESS_KEY_ID": self.info.access_key, "AWS_SECRET_ACCESS_KEY": self.info.secret_key}
        role = self.info.client("iam").get_role(RoleName=self.info.resources[f"{function}Role"])["Role"]["Arn"]
        keys = self.info.client("sts").assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
        return {
            **region,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }


def build() -> None:
    """Run `sam build`."""
    done = subprocess.run([SAM, "build"], cwd=ROOT, env=_environment({}), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"sam build: {_last(done.stderr)}")


def invoke(function: str, event: Mapping[str, Any], stack: Running) -> dict[str, Any]:
    """Run `sam local invoke` with the credentials of the function's role; return what the function answered."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(event, file)
        file.flush()
        done = subprocess.run(
            [SAM, "local", "invoke", function, "-e", file.name, *_options(stack)],
            cwd=ROOT,
            env=_environment(stack.credentials(function)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        answer = None
    if not isinstance(answer, dict):
        raise Broken(f"{lines[-1:]} {_last(done.stderr)}")
    return answer


@contextmanager
def serving(port: int, stack: Running, log: Path) -> Iterator[str]:
    """Run `sam local start-api` for the block; returns its URL. Its functions have the account's own credentials."""
    command = [SAM, "local", "start-api", "--port", str(port), "--warm-containers", "LAZY", *_options(stack)]
    with log.open("w") as said:
        environment = _environment(stack.credentials(None))
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _options(stack: Running) -> list[str]:
    return ["--env-vars", str(stack.variables), "--skip-pull-image"]


def _environment(credentials: Mapping[str, str]) -> dict[str, str]:
    """Return our own environment without what would point elsewhere."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**mine, "SAM_CLI_TELEMETRY": "0", **credentials}


def _last(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-5:])

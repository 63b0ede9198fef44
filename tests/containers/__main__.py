"""What is promised of the images, with a Docker engine: `make containers-check`, which builds them first."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import samcli
from rich.console import Console

from adapters.postgres.database import Database
from local import services
from local.processes import free_port
from local.state import ROOT
from tests import servers
from tests.e2e.running import eventually
from tests.replacing import STOPPED, asking, fill, in_containers, pair, stopped_in_flight

CLIENTS, SECONDS = 8, 5
"""Clients that ask all the time, and seconds for which they do so between replacements."""
EMULATOR = Path(samcli.__file__).parent / "local" / "rapid" / "aws-lambda-rie-x86_64"
"""AWS's emulator of what Lambda is to a runtime, as `sam local` has it."""
SAMPLES = {"handlers.health.handler": "health/http-api", "handlers.get_docs.handler": "get-docs/http-api"}

say = partial(Console(soft_wrap=True).print, highlight=False, markup=False)


def main() -> None:
    """Try all of it; the first promise that is broken ends it."""
    for image in ("lambda", "service", "proxy"):
        say(f"{image}: {int(_inspect(f'tradepost/{image}:local', 'Size')) / 1e6:,.0f} MB")
    for handler, sample in SAMPLES.items():
        _answers_as_a_function(handler, ROOT / "events" / f"{sample}.json")
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.postgres() as server,
        closing(Database("product", lambda: server, "disable")) as catalogue,
    ):
        fill(catalogue)
        _runs(server, Path(folder), catalogue)


def _answers_as_a_function(handler: str, sample: Path) -> None:
    name, port = f"tradepost-lambda-{uuid.uuid4().hex[:8]}", free_port()
    mount = f"{EMULATOR}:/emulator:ro"
    command = ["docker", "run", "--rm", "--detach", "--name", name, "--volume", mount, "--entrypoint", "/emulator"]
    command += ["--publish", f"127.0.0.1:{port}:8080", *_VARIABLES, "tradepost/lambda:local"]
    with _removed(name):
        subprocess.run([*command, "/lambda-entrypoint.sh", handler], check=True, capture_output=True)
        answer = eventually(partial(_invoked, port, sample.read_bytes()), why=partial(_said, name))
    assert answer["statusCode"] == 200, answer
    say(f"lambda: {handler} answers {sample.name}: {answer['statusCode']} {answer['body'][:40]!r}")


_VARIABLES = ("--env=CORS_ORIGINS=", "--env=ORIGIN_SECRET_ID=", "--env=POWERTOOLS_METRICS_NAMESPACE=Tradepost")


def _invoked(port: int, event: bytes) -> Any:
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    try:
        with urllib.request.urlopen(url, event, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def _runs(server: Any, folder: Path, catalogue: Database) -> None:
    with pair(in_containers, server, folder) as (proxy, both):
        for one in (proxy, *both):
            eventually(lambda name=one.name: _inspect(name, "State.Health.Status") == "healthy", why=one.log.read_text)
            user = _run("docker", "exec", one.name, "id", "-u")
            assert user != "0"
            say(f"{one.name}: healthy, as user {user}, with a file system that it cannot write to")
        _replaced(proxy.port, both)
        answer, seconds = stopped_in_flight(both[0], catalogue)
        assert answer == "200", answer
        say(f"{both[0].name}: ended {seconds:.1f} s after SIGTERM, the request in flight answered {answer}")
        both[0].start()
        say(f"{proxy.name}: ended {proxy.stop():.1f} s after SIGQUIT")
        for one in both:
            began = time.monotonic()
            _run("docker", "stop", "--time", str(STOPPED), one.name)
            one.ended()
            say(f"{one.name}: ended {time.monotonic() - began:.1f} s after `docker stop`")


def _replaced(port: int, both: list[Any]) -> None:
    began = time.monotonic()
    with asking(port, CLIENTS) as answers:
        time.sleep(SECONDS)
        steady = answers["200"] / SECONDS
        for one in both:
            seconds = one.stop()
            one.start()
            say(f"{one.name}: ended {seconds:.1f} s after SIGTERM, and is replaced")
            time.sleep(SECONDS)
    lost = sum(number for answer, number in answers.items() if answer != "200")
    say(
        f"{CLIENTS} clients, {steady:,.0f} requests/s from two services: {answers.total():,} requests in"
        f" {time.monotonic() - began:.0f} s, {lost} lost while both were replaced"
    )
    assert not lost, answers


def _inspect(name: str, what: str) -> str:
    return _run("docker", "inspect", "--format", f"{{{{.{what}}}}}", name)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _said(name: str) -> str:
    done = subprocess.run(["docker", "logs", name], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


@contextmanager
def _removed(name: str) -> Iterator[None]:
    try:
        yield
    finally:
        services.remove(name)


if __name__ == "__main__":
    sys.exit(main())

"""Every function in a container with every sample event: real `sam local invoke`, then `sam local start-api`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console

from local import asking
from local.bridge import bridge
from local.processes import free_port
from local.state import ROOT, LocalError
from tests.e2e.running import eventually, running
from tests.sam_local.commands import Broken, Running, build, invoke, serving
from tests.samples.answering import answering
from tests.samples.expected import EXPECTED, function_of, outcome
from tests.samples.scenes import staged

AT_ONCE = 2
say = partial(Console(soft_wrap=True).print, highlight=False, markup=False)
NO_DOCKER = """make sam-local runs functions in containers and needs a Docker engine, which does not answer here.
Install one (https://docs.docker.com/engine/install/) and start it, or, as root on Debian: make docker-engine
"""


@dataclass(frozen=True)
class Result:
    """What an invocation came to, and what it should have come to."""

    file: str
    expected: str
    found: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether that is the same."""
        return self.found == self.expected


def main() -> int:
    """Run what is asked for; return the exit code."""
    wanted = _wanted()
    if not _docker_answers():
        sys.stderr.write(NO_DOCKER)
        return 1
    began = time.monotonic()
    subprocess.run([ROOT / "local" / "docker.sh", "image"], check=True)
    _say(began, "sam build")
    build()
    _say(began, "starting a stack that listens on Docker's bridge")
    with running("--docker", "--parameter", "ShippingDelay=900", recorded=False) as up, answering(bridge()) as url:
        stack = Running(up.state, url)
        _say(began, f"{len(wanted)} invocations, {AT_ONCE} at a time")
        results = _invocations(wanted, stack)
        _say(began, "sam local start-api")
        results += _requests(stack, up.state.folder / "log" / "start-api.log")
    _say(began, "done")
    return _report(results)


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    return bool(docker) and not subprocess.run([docker, "info"], capture_output=True, check=False).returncode


def _wanted() -> list[str]:
    parser = argparse.ArgumentParser(prog="make sam-local", description=__doc__)
    parser.add_argument("files", nargs="*", help="the beginnings of samples' names: create-order; all of them without")
    begins = tuple(parser.parse_args().files)
    return [file for file in EXPECTED if file.startswith(begins or "")]


def _say(began: float, what: str) -> None:
    say(f"{time.monotonic() - began:6.1f} s  {what}")


def _invocations(files: Sequence[str], stack: Running) -> list[Result]:
    def run(file: str) -> Result:
        began = time.monotonic()
        try:
            found = outcome(invoke(function_of(file), staged(file, stack), stack))
        except (Broken, AssertionError, LocalError, subprocess.TimeoutExpired) as error:
            found = str(error)
        result = Result(file, EXPECTED[file], found, time.monotonic() - began)
        say(f"  {'ok  ' if result.ok else 'FAIL'} {result.seconds:5.1f} s  {file}: {found}")
        return result

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, files))


def _requests(stack: Running, log: Path) -> list[Result]:
    """Ask the real authorizer, in front of real routes."""
    tokens = {name: asking.token(stack.info, sign_in) for name, sign_in in stack.info.users.items()}
    calls = [
        ("GET /health by anybody", "/health", None, "200"),
        ("GET /orders by anybody", "/orders", None, "401"),
        ("GET /orders with a forged token", "/orders", "no.such.token", "403"),
        ("GET /inventory by a customer", "/inventory", tokens["customer"], "403"),
        ("GET /inventory by an admin", "/inventory?limit=3", tokens["admin"], "200"),
        ("GET /orders by a customer", "/orders", tokens["customer"], "200"),
    ]
    results = []
    with serving(free_port(), stack, log) as url:
        eventually(lambda: _answers(url), 120, log.read_text)
        for what, path, token, expected in calls:
            began = time.monotonic()
            found = _status(f"{url}{path}", token)
            results.append(Result(what, expected, found, time.monotonic() - began))
            say(f"  {'ok  ' if results[-1].ok else 'FAIL'} {results[-1].seconds:5.1f} s  {what}: {found}")
    if not all(one.ok for one in results):
        say(log.read_text())
    return results


def _answers(url: str) -> bool:
    try:
        return bool(_status(f"{url}/health", None))
    except OSError:
        return False


def _status(url: str, token: str | None) -> str:
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=60) as answer:
            return str(answer.status)
    except HTTPError as error:
        return str(error.code)


def _report(results: Sequence[Result]) -> int:
    failed = [one for one in results if not one.ok]
    slowest = max(results, key=lambda one: one.seconds)
    average = sum(one.seconds for one in results) / len(results)
    say(
        f"\n{len(results) - len(failed)} of {len(results)} came to what is expected; one took {average:.1f} s on"
        f" average, {slowest.seconds:.1f} s at most ({slowest.file})"
    )
    for one in failed:
        say(f"  {one.file}: expected {one.expected}, found {one.found}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

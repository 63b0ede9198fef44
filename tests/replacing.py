"""Two servers of the product service behind nginx, as processes or containers, and clients that go on asking."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.postgres.database import Database, Server
from adapters.postgres.products import PostgresProducts
from local import services
from local.ground import HOST
from local.processes import free_port
from local.state import ROOT
from tests.cloud import minimal_environment
from tests.e2e.running import eventually
from tests.servers import service_on
from tests.shop import product

LIST = "/products?limit=10"
STOPPED = 10
"""Seconds in which whatever is told to stop must have stopped: then ECS kills it."""

Command = Callable[[str, str, Path, Mapping[str, str]], list[str]]
"""Returns the command that runs a part, by its name, its image, its folder and its variables."""


def natively(_: str, image: str, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Run what is in the images on this machine."""
    return services.server() if image == "service" else services.proxy(folder, variables)


def in_containers(name: str, image: str, _: Path, variables: Mapping[str, str]) -> list[str]:
    """Run the images."""
    return services.container(name, image, variables)


@dataclass
class Part:
    """A server or nginx; signals to `docker run` are handed on to its container."""

    name: str
    image: str
    port: int
    variables: Mapping[str, str]
    folder: Path
    command: Command
    gently: signal.Signals
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        command = self.command(self.name, self.image, self.folder, self.variables)
        environment = {**minimal_environment(self.folder), **self.variables}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT / "src", env=environment, stdout=log, stderr=log)
        eventually(lambda: self.process.poll() is not None or self._ready(), why=self.log.read_text)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self) -> float:
        """Tell it to stop; return after how many seconds it had, by itself."""
        began = time.monotonic()
        self.process.send_signal(self.gently)
        self.ended()
        return time.monotonic() - began

    def ended(self) -> None:
        """Wait until it has ended as it should."""
        assert self.process.wait(STOPPED) == 0, self.log.read_text()

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self.folder / f"{self.name}.log"

    def _ready(self) -> bool:
        try:
            return status(self.port, "/-/ready") == "200"
        except OSError:
            return False


def status(port: int, path: str) -> str:
    """Return the status of a GET over a connection of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=40)
    try:
        return _status(connection, path)
    finally:
        connection.close()


def _status(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return str(answer.status)


@contextmanager
def pair(command: Command, server: Server, folder: Path) -> Iterator[tuple[Part, list[Part]]]:
    """Run two product services and nginx before them; stop what still runs."""
    own = service_on(server, "product")
    secret = {"host": own.host, "port": own.port, "username": own.username, "password": own.password}
    environment = {
        "SERVICE": "product",
        "STAGE": "local",
        "REGION": "us-east-1",
        "DATABASE_SSLMODE": "disable",
        "PRODUCT_SECRET_ARN": "arn:of:none",
        "PRODUCT_SECRET": json.dumps(secret),
        "TOKENS_VERIFIED_BY": "gateway",
        "TOKEN_ISSUER": "none",
        "TOKEN_CLIENT_IDS": "none",
        "TOKEN_ALGORITHMS": "RS256",
        "JWKS_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "POWERTOOLS_SERVICE_NAME": "tradepost",
        "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
        "CORS_ORIGINS": "",
        "ORIGIN_SECRET_ID": "",
    }
    with ExitStack() as stack:

        def started(name: str, image: str, port: int, variables: Mapping[str, str], gently: signal.Signals) -> Part:
            part = Part(f"tradepost-{name}-{port}", image, port, variables, folder, command, gently)
            part.start()
            stack.callback(_end, part)
            return part

        servers = []
        for port in (free_port(), free_port()):
            variables = {
                **environment,
                **services.address(port),
                "GRANIAN_BLOCKING_THREADS": services.THREADS["product"],
            }
            servers.append(started("product", "service", port, variables, signal.SIGTERM))
        port, both = free_port(), [one.port for one in servers]
        variables = services.settings(port, dict.fromkeys(services.UPSTREAMS.values(), both))
        yield started("proxy", "proxy", port, variables, signal.SIGQUIT), servers


def _end(part: Part) -> None:
    if part.process.poll() is None:
        part.stop()


@contextmanager
def asking(port: int, clients: int) -> Iterator[Counter[str]]:
    """Let clients ask for products, each over its one connection and as often as it is answered, until the block ends.

    What they were answered is complete by then.
    """
    answers: Counter[str] = Counter()
    ends = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=40)
        while not ends.is_set():
            try:
                answers[_status(connection, LIST)] += 1
            except (OSError, http.client.HTTPException) as error:
                answers[repr(error)] += 1
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for one in threads:
        one.start()
    try:
        yield answers
    finally:
        ends.set()
        for one in threads:
            one.join()


def fill(catalogue: Database) -> None:
    """Put some products into the catalogue."""
    for number in range(20):
        PostgresProducts(catalogue).add(product(f"SKU-{number:02}"))


def stopped_in_flight(server: Part, catalogue: Database) -> tuple[str, float]:
    """Stop a server while a request waits in it for the database.

    Return what that was answered, and after how many seconds the server had ended.
    """
    answers: list[str] = []
    asks = threading.Thread(target=lambda: answers.append(status(server.port, LIST)))
    with catalogue.transaction() as connection:
        connection.execute("LOCK TABLE products")
        asks.start()
        eventually(lambda: connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
        began = time.monotonic()
        server.process.send_signal(server.gently)
        eventually(lambda: "Stopping worker" in server.log.read_text())
    asks.join()
    server.ended()
    return answers[0], time.monotonic() - began

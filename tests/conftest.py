"""A real PostgreSQL and an emulated AWS, started when a test first asks for them."""

from __future__ import annotations

import io
import json
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from adapters.postgres.database import Database, Server
from local.services import found_nginx
from local.state import ROOT as FOLDER
from local.state import LocalError
from tests import asked, packaged, servers
from tests.cloud import DYNAMODB_LOCAL, DYNAMODBS, Cloud
from tests.privileges.session import Judging

pytest.register_assert_rewrite("tests.machines", "tests.e2e.running")

WHOLE = FOLDER.parent / "shared" / "data" / "online-retail-2010-12-01_09.csv.gz"
TABLES = {
    "product": "products",
    "user": "users, email_claims",
    "inventory": "product_info, orders, order_lines, order_events, movements, idempotency_keys, outbox",
}


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be done before anything starts, and judge at the end what functions may do."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started by a shell in the background; Ctrl-C is tested
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asked.check()
    except LocalError as error:
        raise pytest.UsageError(str(error)) from None
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Judging(config))


def pytest_report_header() -> str:
    """Say on which DynamoDBs the adapters are tried, and which sales are read."""
    sales = "excerpt and whole file" if WHOLE.exists() else f"excerpt alone: there is no {WHOLE}"
    also = "" if DYNAMODB_LOCAL.exists() else " (`make dynamodb-local` adds Amazon's own)"
    nginx = found_nginx() or "NOT HERE: no test of the services behind it (on Debian, apt install nginx-light)"
    containers = "not here: `make sam-local` runs every function in one, and needs a Docker engine"
    front = "services behind nginx, without tests of functions (tests/asked.py)" if asked.services() else "functions"
    lines = (f"dynamodb: {', '.join(DYNAMODBS)}{also}", f"sales: {sales}", f"nginx: {nginx}", f"front door: {front}")
    builder = packaged.python() or "NOT HERE: no test of packages (Linux with Python 3.13 and pip builds and runs them)"
    return "\n".join([*lines, f"packages: {builder}", f"containers: {containers}"])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Return a PostgreSQL server of this worker's own, its databases migrated."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[dict[str, Database]]:
    """Return the databases as the master sees them, each over one connection."""
    opened = {name: Database(name, lambda: postgres_server, "disable") for name in TABLES}
    yield opened
    for database in opened.values():
        database.close()


@pytest.fixture(scope="session")
def services(postgres_server: Server) -> Iterator[dict[str, Database]]:
    """Return the databases as their services see them, each over one connection."""
    opened = {name: servers.opened_as_service(postgres_server, name) for name in TABLES}
    yield opened
    for database in opened.values():
        database.close()


@pytest.fixture
def clean_databases(databases: dict[str, Database]) -> dict[str, Database]:
    """Return the databases with empty tables."""
    empty(databases)
    return databases


def empty(databases: dict[str, Database]) -> None:
    """Empty all tables."""
    for name, tables in TABLES.items():
        databases[name].connection().execute(f"TRUNCATE {tables}")


@pytest.fixture
def inventory(clean_databases: dict[str, Database]) -> Database:
    """Return the database of decisions, empty."""
    return clean_databases["inventory"]


@pytest.fixture
def catalogue(clean_databases: dict[str, Database]) -> Database:
    """Return the database of products, empty."""
    return clean_databases["product"]


@pytest.fixture
def profiles(clean_databases: dict[str, Database]) -> Database:
    """Return the database of users, empty."""
    return clean_databases["user"]


@pytest.fixture
def another(postgres_server: Server) -> Iterator[Callable[..., Database]]:
    """Return a function that opens the inventory, or another database, over a connection of its own."""
    opened: list[Database] = []

    def connect(name: str = "inventory", server: Callable[[], Server] = lambda: postgres_server) -> Database:
        opened.append(Database(name, server, "disable"))
        return opened[-1]

    yield connect
    for database in opened:
        database.close()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return a MiniStack of this worker's own."""
    with servers.ministack(tmp_path_factory.mktemp("ministack")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[Cloud]:
    """Return a DynamoDB Local of this worker's own: Amazon's own code, without permissions."""
    port = servers.free_port()
    command = ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]

    def ready() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with servers.process([*command, *options], signal.SIGKILL, ready, cwd=DYNAMODB_LOCAL):
        cloud = Cloud(f"http://127.0.0.1:{port}")
        yield cloud
        cloud.close()


@pytest.fixture
def moto() -> Iterator[Cloud]:
    """Return moto, in this process and empty. Its DynamoDB is not made for threads."""
    with mock_aws():
        cloud = Cloud()
        yield cloud
        cloud.close()


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that returns what the handlers have logged, line by line."""
    from handlers.telemetry import logger  # noqa: PLC0415 - once the test's variables are set

    handler: Any = logger.registered_handler
    before, handler.stream = handler.stream, io.StringIO()  # not `setStream`, which flushes what may be closed by now
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    handler.stream = before

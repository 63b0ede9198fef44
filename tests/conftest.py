"""A real PostgreSQL and an emulated AWS, started when a test first asks for them."""

from __future__ import annotations

import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from moto import mock_aws

from adapters.postgres.database import Database, Server
from adapters.postgres.migrations import all_migrations, migrate
from local.postgres import Cluster
from local.state import ROOT as FOLDER
from tests.cloud import DYNAMODB_LOCAL, DYNAMODBS, ROOT, Cloud, minimal_environment

pytest.register_assert_rewrite("tests.machines")

WHOLE = FOLDER.parent / "shared" / "data" / "online-retail-2010-12-01_09.csv.gz"
PATIENCE = 30
"""Seconds within which a server must have started."""
TABLES = {
    "product": "products",
    "user": "users, email_claims",
    "inventory": "product_info, orders, order_lines, order_events, movements, idempotency_keys, outbox",
}


def pytest_report_header() -> str:
    """Say on which DynamoDBs the adapters are tried, and which sales are read."""
    sales = "excerpt and whole file" if WHOLE.exists() else f"excerpt alone: there is no {WHOLE}"
    also = "" if DYNAMODB_LOCAL.exists() else " (`make dynamodb-local` adds Amazon's own)"
    return f"dynamodb: {', '.join(DYNAMODBS)}{also}\nsales: {sales}"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], stop: signal.Signals, ready: Callable[[], object], **options: object) -> Iterator[None]:
    """Run a server: wait until `ready` does not raise, and stop it with a signal in the end."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload] # whatever Popen takes
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError, psycopg.OperationalError):
                ready()
                break
            assert child.poll() is None, f"{command[0]} ended with {child.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} did not start"
            time.sleep(0.02)
        yield
    finally:
        child.send_signal(stop)
        child.wait(PATIENCE)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Return a PostgreSQL server of this worker's own, its databases migrated.

    Its folder is outside pytest's, which nobody but their owner may enter: as root PostgreSQL runs as another.
    """
    folder = Path(tempfile.mkdtemp(prefix="tradepost-postgres-"))
    folder.chmod(0o755)
    cluster = Cluster(folder / "data", free_port())
    cluster.create()
    secret = cluster.secret()
    server = Server(secret["host"], secret["port"], secret["username"], secret["password"])
    command, options = cluster.command()

    def connect(name: str) -> Database:
        return Database(name, lambda: server, "disable")

    def ready() -> None:
        psycopg.connect(connect_timeout=2, dbname="postgres", **_login(server)).close()

    with process(list(command), signal.SIGINT, ready, **options):
        migrate(connect, all_migrations())
        yield server
    shutil.rmtree(folder)


def _login(server: Server) -> dict[str, str | int]:
    return {"host": server.host, "port": server.port, "user": server.username, "password": server.password}


@pytest.fixture(scope="session")
def databases(postgres_server: Server) -> Iterator[dict[str, Database]]:
    """Return the databases, each over one connection."""
    opened = {name: Database(name, lambda: postgres_server, "disable") for name in TABLES}
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
    """Return a MiniStack of this worker's own, which checks signatures and permissions."""
    folder, port = tmp_path_factory.mktemp("ministack"), free_port()
    settings = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "S3_DATA_DIR": str(folder / "s3"),
        "AWS_ACCESS_KEY_ID": ROOT[0],
        "AWS_SECRET_ACCESS_KEY": ROOT[1],
    }
    program = str(Path(sys.executable).with_name("ministack"))
    environment = {**minimal_environment(folder), **settings}

    def ready() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with process([program], signal.SIGTERM, ready, cwd=folder, env=environment):
        cloud = Cloud(f"http://127.0.0.1:{port}")
        yield cloud
        cloud.close()


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[Cloud]:
    """Return a DynamoDB Local of this worker's own: Amazon's own code, without permissions."""
    port = free_port()
    command = ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]

    def ready() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with process([*command, *options], signal.SIGKILL, ready, cwd=DYNAMODB_LOCAL):
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

    lines = io.StringIO()
    before = logger.registered_handler.setStream(lines)  # type: ignore[attr-defined] # it is a StreamHandler
    yield lambda: [json.loads(line) for line in lines.getvalue().splitlines()]
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined] # as above

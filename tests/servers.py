"""Servers as child processes: a real PostgreSQL and an emulated AWS, stopped at the end of a block."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from adapters.postgres.database import Database, Server
from adapters.postgres.migrations import all_migrations, migrate
from adapters.postgres.roles import GRANTS, ensure_role
from local.postgres import Cluster
from tests.cloud import ROOT, Cloud, minimal_environment

PATIENCE = 30
"""Seconds within which a server must have started."""


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


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a PostgreSQL of the caller's own, its databases migrated and its services' roles made.

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
        psycopg.connect(connect_timeout=2, dbname="postgres", **login(server)).close()

    with process(list(command), signal.SIGINT, ready, **options):
        for name, migrations in all_migrations().items():
            migrate(connect, name, migrations)
            with closing(connect(name)) as master, closing(opened_as_service(server, name)) as service:
                ensure_role(master, service, GRANTS[name])
        yield server
    shutil.rmtree(folder)


def service_on(server: Server, name: str) -> Server:
    """Return how a service signs in to the database of that name; its password is the master's, here."""
    return replace(server, username=f"{name}_service")


def opened_as_service(server: Server, name: str) -> Database:
    """Return a database as its service sees it."""
    return Database(name, lambda: service_on(server, name), "disable")


def login(server: Server) -> dict[str, str | int]:
    """Return what psycopg's `connect` takes to reach a server."""
    return {"host": server.host, "port": server.port, "user": server.username, "password": server.password}


@contextmanager
def ministack(folder: Path, *command: str) -> Iterator[Cloud]:
    """Run a MiniStack of the caller's own, which checks signatures and permissions; `command` runs it otherwise."""
    port = free_port()
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
    program = [*command] or [str(Path(sys.executable).with_name("ministack"))]

    def ready() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    with process(program, signal.SIGTERM, ready, cwd=folder, env={**minimal_environment(folder), **settings}):
        cloud = Cloud(f"http://127.0.0.1:{port}")
        yield cloud
        cloud.close()

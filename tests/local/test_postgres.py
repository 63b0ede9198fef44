"""PostgreSQL from the wheel: a server on loopback that asks for its password."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from local.postgres import Cluster
from local.processes import free_port
from local.state import LocalError


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that another user may enter too: as root PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="tradepost-postgres-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def connect(cluster: Cluster, password: str) -> psycopg.Connection[tuple[int]]:
    secret = cluster.secret()
    return psycopg.connect(
        host=secret["host"], port=secret["port"], user=secret["username"], password=password, dbname="postgres"
    )


def answers(cluster: Cluster, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(cluster, cluster.password).close()
        except psycopg.OperationalError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def test_a_cluster_serves_whoever_knows_its_password_and_stops_fast(folder: Path) -> None:
    cluster = Cluster(folder / "pg" / "data", free_port())
    cluster.create()
    command, options = cluster.command()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, **options) as server:
        answers(cluster, server)
        with closing(connect(cluster, cluster.password)) as connection:  # open until the server has ended
            assert connection.execute("SHOW listen_addresses").fetchall() == [("127.0.0.1",)]
            assert connection.execute("SHOW server_version_num").fetchall() > [("160000",)]
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                connect(cluster, "guessed")
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0


def test_a_password_stands_in_no_file_and_no_representation(folder: Path) -> None:
    cluster = Cluster(folder / "data", free_port())
    cluster.create()
    assert cluster.password not in repr(cluster)
    assert [one.name for one in folder.iterdir()] == ["data"]
    assert Cluster(folder, 1).password != cluster.password


def test_a_cluster_that_cannot_be_made_says_why(folder: Path) -> None:
    with pytest.raises(LocalError, match=r"cannot make its data folder .*: .*password file .* is empty"):
        Cluster(folder / "data", free_port(), password="").create()
    assert list(folder.glob("*.pw")) == []

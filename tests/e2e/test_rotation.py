"""New passwords for the services' roles while real invoices are placed: nobody notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from rich.console import Console

from local import rotating
from local.replay import Report, replay
from local.retail import read_sales
from local.state import ROOT
from tests import asked
from tests.e2e.books import check_books
from tests.e2e.clone import Clone
from tests.e2e.leaks import leaks
from tests.e2e.running import Up, eventually, folder_for_all, running, tradepost
from tests.e2e.shop import Shop

pytestmark = pytest.mark.xdist_group("e2e")

EXCERPT = ROOT / "local" / "data" / "online-retail-excerpt.csv"
ROWS, TIMES = 60, 150 if asked.services() else 60
"""So many rows of the excerpt, so often: three rotations take half a minute on a busy machine. Services are faster."""


@dataclass
class Rotations:
    """Rotations on a stack whose workers can be made to sign in anew; `passwords` are those that have gone."""

    up: Up
    clone: Clone
    shop: Shop
    passwords: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in rotating.SERVICES})

    def rotate(self, service: str) -> None:
        """Take the four steps; in the middle, everybody signs in who works for this service."""
        info, version = self.shop.info, str(uuid.uuid4())
        secret = rotating.secret_arn(info, service)
        self.passwords[service].append(self.secret(service)["password"])
        for step in rotating.STEPS[:2]:
            rotating.step(info, step, secret, version)
        before = self.refused(service)
        self.replace_workers(service)
        self.work(service)
        assert self.refused(service) > before, "nobody has come with the old password"
        for step in rotating.STEPS[2:]:
            rotating.step(info, step, secret, version)

    def replace_workers(self, service: str) -> None:
        """Let others answer the next request: of functions, changed code is enough for it."""
        if not asked.services():
            os.utime(self.clone.src / "domain" / "ports.py")
            return
        servers = psutil.Process(self.shop.info.pid).children()
        (server,) = (one for one in servers if one.environ().get("SERVICE") == service)
        before = server.children()
        server.send_signal(signal.SIGHUP)
        eventually(lambda: not any(one.is_running() for one in before))

    def work(self, service: str) -> None:
        """Have a function sign in as the service."""
        if service == "product":
            assert self.shop.public.get("/products?limit=1")["products"]
        elif service == "inventory":
            assert self.shop.admin.get("/orders") == {"orders": [], "next_cursor": None}
        else:
            assert self.shop.admin.get("/users?limit=1")["users"]

    def secret(self, service: str) -> Mapping[str, Any]:
        """Return what the service's secret says."""
        found = self.shop.info.client("secretsmanager").get_secret_value(
            SecretId=rotating.secret_arn(self.shop.info, service)
        )
        said: Mapping[str, Any] = json.loads(found["SecretString"])
        return said

    def refused(self, service: str) -> int:
        """Return how often PostgreSQL has refused the service's password."""
        log = (self.up.state.log / "postgresql.log").read_text()
        return log.count(f'password authentication failed for user "{service}_service"')

    def opens(self, service: str, password: str) -> bool:
        """Say whether a password opens the service's database."""
        secret = self.secret(service)
        try:
            psycopg.connect(
                host=secret["host"],
                port=secret["port"],
                user=secret["username"],
                password=password,
                dbname=service,
            ).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="module")
def rotations() -> Iterator[Rotations]:
    """Run a stack of its own, whose users are in PostgreSQL too."""
    with folder_for_all() as folder:
        clone = Clone(folder)
        with running(*clone.options, "--parameter", "UserStore=postgres") as up:
            yield Rotations(up, clone, Shop(up.state.read()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return invoices for as long as three rotations take."""
    head, *rows = EXCERPT.read_text().splitlines()
    numbered = [f"{time}{row}" for time in range(1, TIMES + 1) for row in rows[:ROWS] if not row.startswith("C")]
    made = tmp_path / "invoices.csv"
    made.write_text("\n".join([head, *numbered, ""]))
    return made


@pytest.fixture
def replayed(rotations: Rotations, file: Path) -> Iterator[Future[Report]]:
    """Replay the invoices meanwhile."""

    def run() -> Report:
        return asyncio.run(replay(rotations.shop.info, file, progress=Console(file=StringIO())))

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(run)


@pytest.mark.timeout(600)
def test_passwords_change_while_orders_are_placed_and_nobody_notices(
    rotations: Rotations, replayed: Future[Report], file: Path
) -> None:
    orders = len(read_sales(file).orders)
    eventually(lambda: placed(rotations.shop))
    for service in rotating.SERVICES:
        assert not replayed.done(), "the replay was over before each had its turn"
        rotations.rotate(service)

    report = replayed.result()
    assert report.ok, report
    assert (report.server_errors, report.retries) == (0, 0)
    assert report.orders.placed == report.orders.fulfilled == orders
    check_books(rotations.shop)


def placed(shop: Shop) -> int:
    ((number,),) = shop.query("SELECT count(*) FROM orders")
    return int(number)


def test_only_the_newest_password_opens_a_database(rotations: Rotations) -> None:
    for service in rotating.SERVICES:
        old = rotations.secret(service)["password"]
        done = tradepost("rotate", service, state=rotations.up.state.folder)

        assert (done.returncode, done.stdout, done.stderr) == (0, f"{service}: rotated\n", "")
        assert rotations.opens(service, rotations.secret(service)["password"])
        for gone in (old, *rotations.passwords[service]):
            assert not rotations.opens(service, gone)


def test_all_are_rotated_unless_one_is_named(rotations: Rotations) -> None:
    """One that broke off is gone on with."""
    secret = rotating.secret_arn(rotations.shop.info, "product")
    for step in rotating.STEPS[:2]:
        rotating.step(rotations.shop.info, step, secret, str(uuid.UUID(int=1)))

    done = tradepost("rotate", state=rotations.up.state.folder)

    assert done.stdout == "product: rotated\ninventory: rotated\nuser: rotated\n"
    assert all(rotations.opens(service, rotations.secret(service)["password"]) for service in rotating.SERVICES)


def test_who_is_no_service_is_told(rotations: Rotations) -> None:
    done = tradepost("rotate", "nobody", state=rotations.up.state.folder)

    assert (done.returncode, done.stderr) == (
        1,
        "tradepost: there is no service nobody: choose product, inventory, user\n",
    )


def test_no_password_of_a_role_is_logged(rotations: Rotations) -> None:
    """Neither by a function nor by PostgreSQL."""
    known = {rotations.secret(service)["password"] for service in rotating.SERVICES}
    known |= {one for gone in rotations.passwords.values() for one in gone}

    for name in ("functions.log", "postgresql.log"):
        assert leaks((rotations.up.state.log / name).read_text(), known) == set()

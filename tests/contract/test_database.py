"""Connections to PostgreSQL: alive, replaced, signed in again."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import pytest

from adapters.postgres import database as module
from adapters.postgres.database import Database, Server
from domain.errors import Unavailable
from tests.servers import free_port


def kill(killer: Database, victim: Database) -> None:
    """End a connection as a failover would."""
    ((pid,),) = victim.query("SELECT pg_backend_pid()")
    killer.query("SELECT pg_terminate_backend(%s)", [pid])
    while killer.query("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]):
        pass


def test_one_connection_is_used_again_and_again(another: Callable[..., Database]) -> None:
    database = another()

    assert database.query("SELECT pg_backend_pid()") == database.query("SELECT pg_backend_pid()")


def test_each_thread_has_a_connection_of_its_own_and_all_of_them_are_closed(another: Callable[..., Database]) -> None:
    database, watching = another(), another()
    together = Barrier(2)

    def pid(_: int) -> int:
        together.wait()
        ((found,),) = database.query("SELECT pg_backend_pid()")
        return int(found)

    with ThreadPoolExecutor(2) as threads:
        pids = [*threads.map(pid, range(2))]
    database.close()

    assert len(set(pids)) == 2
    while watching.query("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", [pids]):
        pass


def test_a_connection_that_died_while_it_was_idle_is_replaced(
    another: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a freeze of minutes: it is asked before it is used."""
    database, killer = another(), another()
    kill(killer, database)
    monkeypatch.setattr(module, "TRUSTED_FOR", 0.0)

    assert database.query("SELECT 1") == [(1,)]


def test_a_connection_that_died_in_use_is_replaced_at_the_next_use(another: Callable[..., Database]) -> None:
    database, killer = another(), another()
    kill(killer, database)

    with pytest.raises(Unavailable):
        database.query("SELECT 1")

    assert database.query("SELECT 1") == [(1,)]


def test_a_living_connection_is_kept_after_it_was_asked(
    another: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = another()
    before = database.query("SELECT pg_backend_pid()")
    monkeypatch.setattr(module, "TRUSTED_FOR", 0.0)

    assert database.query("SELECT pg_backend_pid()") == before


def test_a_closed_database_opens_again(another: Callable[..., Database]) -> None:
    database = another()
    database.query("SELECT 1")
    database.close()
    database.close()

    assert database.query("SELECT 1") == [(1,)]


def test_a_transaction_that_raises_is_rolled_back(another: Callable[..., Database], inventory: Database) -> None:
    database = another()
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute("INSERT INTO product_info VALUES ('TEA', 1, 0, 0, 1, now())")
        raise ZeroDivisionError

    assert inventory.query("SELECT * FROM product_info") == []


@pytest.fixture
def role(postgres_server: Server, another: Callable[..., Database]) -> Iterator[Server]:
    """Return how a role of its own signs in."""
    admin = another()
    name, password = f"role_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin.connection().execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'; GRANT CONNECT ON DATABASE inventory TO {name}"
    )
    yield replace(postgres_server, username=name, password=password)
    admin.connection().execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_password_that_was_rotated_is_fetched_again(role: Server, another: Callable[..., Database]) -> None:
    """The secret's new value comes with the second try; the first may have come from a moment before."""
    rotated = replace(role, password="new-password")
    secret = [role]
    database = another(server=lambda: secret.pop(0))
    database.query("SELECT 1")

    another().connection().execute(f"ALTER ROLE {role.username} PASSWORD 'new-password'")
    secret += [role, rotated]
    database.close()

    assert database.query("SELECT current_user") == [(role.username,)]
    assert secret == []
    database.close()


def test_a_password_that_a_rotation_has_set_is_used_before_the_rotation_ends(
    role: Server, another: Callable[..., Database]
) -> None:
    """Between its second and its fourth step the secret still names the old one as current."""
    rotated = replace(role, password="new-password")
    another().connection().execute(f"ALTER ROLE {role.username} PASSWORD 'new-password'")
    database = another(server=lambda: role)
    database.next_server = lambda: rotated

    assert database.query("SELECT current_user") == [(role.username,)]
    database.close()


def test_nobody_looks_for_a_rotation_while_the_server_is_down(
    postgres_server: Server, another: Callable[..., Database]
) -> None:
    """Its new password may not be set yet; the second try is with what has been right so far."""
    down = replace(postgres_server, port=free_port())
    servers = [down, postgres_server]
    database = another(server=lambda: servers.pop(0))
    database.next_server = lambda: replace(postgres_server, password="not set yet")

    assert database.query("SELECT 1") == [(1,)]


def test_a_password_that_stays_wrong_is_unavailable(role: Server, another: Callable[..., Database]) -> None:
    database = another(server=lambda: replace(role, password="wrong"))

    with pytest.raises(Unavailable, match="inventory"):
        database.connection()


def test_a_server_that_is_down_is_unavailable(postgres_server: Server, another: Callable[..., Database]) -> None:
    port = free_port()

    with pytest.raises(Unavailable):
        another(server=lambda: replace(postgres_server, port=port)).connection()


def test_one_thread_waits_for_a_server_that_is_down_and_the_others_do_not(
    postgres_server: Server, another: Callable[..., Database]
) -> None:
    servers = [replace(postgres_server, port=free_port())] * 4
    waits, ends = Event(), Event()

    def server() -> Server:
        if len(servers) == 2:
            waits.set()
            ends.wait()
        return servers.pop() if servers else postgres_server

    database = another(server=server)
    with pytest.raises(Unavailable):
        database.query("SELECT 1")

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(database.query, "SELECT 1")
        waits.wait()
        with pytest.raises(Unavailable):
            database.query("SELECT 1")
        assert len(servers) == 2, "who does not wait asks for nothing"
        ends.set()
        with pytest.raises(Unavailable):
            waiting.result()
    assert database.query("SELECT 1") == [(1,)]


def test_a_server_that_fell_silent_is_not_waited_for(another: Callable[..., Database]) -> None:
    """A machine that is gone says nothing, and the kernel goes on asking it, unless it is told when to give up."""
    told = another().connection().info.get_parameters()

    assert (told["tcp_user_timeout"], told["keepalives_idle"], told["keepalives_interval"]) == ("10000", "5", "5")


def test_a_password_is_not_shown() -> None:
    assert "very-secret" not in repr(Server("host", 5432, "user", "very-secret"))

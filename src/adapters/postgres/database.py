"""Connections to PostgreSQL that outlive freezes, failovers and rotated secrets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from domain.errors import Unavailable

CONNECT_TIMEOUT = 4
"""Seconds per try; two tries stay below every function's timeout."""
WAKING = 40
"""Seconds per try in which an Aurora that has paused wakes up, holding who connects; 30 or more after a day's pause."""
SILENT_FOR = 10
"""Seconds without a sign of the server's machine after which a connection has ended; Linux waits for 15 minutes."""
AUTHORITIES = Path(__file__).with_name("rds-ca.pem")
"""The certificates of those who sign RDS's in each region, and RDS Proxy's: `make rds-ca` fetches them."""
TRUSTED_FOR = 5.0
"""Seconds after its last use in which a connection is taken as alive without asking."""

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class Server:
    """Where a PostgreSQL server is and how to sign in: the JSON of an RDS secret."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)


@dataclass
class _Own:
    """What a thread has of its own."""

    connection: Connection | None = None
    used_at: float = 0.0


@dataclass
class Database:
    """One logical database over one connection for each thread: a worker's share of the server.

    While no server answers, one thread waits for it, and the others are told so at once: they are left for requests
    that need no database, and for whoever asks whether the process lives.

    `server` fetches the credentials. When they are refused, `next_server` fetches those of a rotation under way, if
    there is one; otherwise `server` is called again. `patience` is seconds per try. No prepared statements and no
    start-up options, which RDS Proxy would pin or refuse.
    """

    name: str
    server: Callable[[], Server]
    sslmode: str
    next_server: Callable[[], Server | None] = lambda: None
    patience: int = CONNECT_TIMEOUT
    _owned: dict[int, _Own] = field(default_factory=dict, repr=False)
    _is_away: bool = field(default=False, repr=False)
    _waiting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def connection(self) -> Connection:
        """Return a live connection in autocommit mode. Raises Unavailable."""
        own = self._own
        if own.connection is None or not _alive(own.connection, own.used_at):
            if own.connection is not None:
                own.connection.close()
                own.connection = None
            own.connection = self._wait() if self._is_away else self._connect()
        own.used_at = time.monotonic()
        return own.connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction; commit at the end of the block, roll back when it raises.

        Raises Unavailable when the server is lost on the way, or a lock or statement takes too long.
        """
        connection = self.connection()
        try:
            with connection.transaction():
                yield connection
        except psycopg.OperationalError as error:
            raise self._late() from error

    def execute(self, sql: str, parameters: Any = None) -> psycopg.Cursor[TupleRow]:
        """Run one statement outside a transaction. Raises Unavailable as `transaction` does."""
        connection = self.connection()
        try:
            return connection.execute(sql, parameters)
        except psycopg.OperationalError as error:
            raise self._late() from error

    def query(self, sql: str, parameters: Any = None) -> list[TupleRow]:
        """Run one statement outside a transaction and return its rows."""
        return self.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close the connections of all threads; the next use opens another."""
        while self._owned:
            _, own = self._owned.popitem()
            if own.connection is not None:
                own.connection.close()

    @property
    def _own(self) -> _Own:
        """What this thread has; a thread that has ended leaves it to the next of its number."""
        return self._owned.setdefault(threading.get_ident(), _Own())

    def _late(self) -> Unavailable:
        return Unavailable(f"the database {self.name} does not answer in time; try again")

    def _wait(self) -> Connection:
        if not self._waiting.acquire(blocking=False):
            raise Unavailable(f"the database {self.name} has not answered")
        try:
            return self._connect()
        finally:
            self._waiting.release()

    def _connect(self) -> Connection:
        try:
            connection = self._sign_in()
        except Unavailable:
            self._is_away = True
            raise
        self._is_away = False
        return connection

    def _sign_in(self) -> Connection:
        try:
            return self._login(self.server())
        except psycopg.OperationalError as refused:
            asked = refused.pgconn is not None and refused.pgconn.used_password
        try:
            return self._login((self.next_server() if asked else None) or self.server())
        except psycopg.OperationalError as error:
            raise Unavailable(f"the database {self.name} does not answer") from error

    def _login(self, server: Server) -> Connection:
        return psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.username,
            password=server.password,
            dbname=self.name,
            sslmode=self.sslmode,
            sslrootcert=str(AUTHORITIES) if self.sslmode == "verify-full" else None,
            connect_timeout=self.patience,
            tcp_user_timeout=SILENT_FOR * 1000,
            keepalives_idle=SILENT_FOR // 2,
            keepalives_interval=SILENT_FOR // 2,
            autocommit=True,
            prepare_threshold=None,
        )


def _alive(connection: Connection, used_at: float) -> bool:
    if connection.closed:
        return False
    if time.monotonic() - used_at < TRUSTED_FOR:
        return True
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True

"""Bringing the databases' schemas up to date: numbered SQL files, each once, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from psycopg import sql

from adapters.postgres.database import Connection, Database

FOLDER = Path(__file__).parent / "migrations"
LOCK = 7_305_417
"""The advisory lock under which one migration at a time runs; any number, always the same."""


class MigrationChanged(Exception):
    """A migration that ran already reads differently now; migrations are never edited, only added."""


@dataclass(frozen=True)
class Migration:
    """One SQL file: its name ("001_products"), text and digest."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()


def all_migrations(folder: Path = FOLDER) -> Mapping[str, Sequence[Migration]]:
    """Return the migrations of each database, in order."""
    return {
        database.name: [Migration(file.stem, file.read_text("utf-8")) for file in sorted(database.glob("*.sql"))]
        for database in sorted(folder.iterdir())
    }


def fingerprint(migrations: Mapping[str, Sequence[Migration]], *rights: Mapping[str, object]) -> str:
    """Return one short digest of all migrations and of roles' rights: the custom resource's key in template.yaml."""
    lines = [f"{database}/{one.name} {one.digest}" for database, many in migrations.items() for one in many]
    return sha256("\n".join([*lines, *map(str, rights)]).encode()).hexdigest()[:16]


def migrate(connect: Callable[[str], Database], name: str, migrations: Sequence[Migration]) -> list[str]:
    """Create a database if it is missing and run what has not run; return the names of what ran.

    `connect` returns a database of the server by its name, open as somebody who may create it. Each file is a
    transaction of its own. Raises MigrationChanged.
    """
    _create_database(connect("postgres"), name)
    database = connect(name)
    try:
        return [f"{name}/{one}" for one in _migrate_one(database.connection(), migrations)]
    finally:
        database.close()


def _create_database(server: Database, name: str) -> None:
    connection = server.connection()
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    finally:
        server.close()


def _migrate_one(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (name text PRIMARY KEY, digest text NOT NULL, ran_at timestamptz NOT NULL DEFAULT now())"
    )
    ran: dict[str, str] = dict(connection.execute("SELECT name, digest FROM schema_migrations").fetchall())
    for one in migrations:
        if ran.get(one.name, one.digest) != one.digest:
            raise MigrationChanged(f"{one.name} ran before with another text; add a new migration instead")
    missing = [one for one in migrations if one.name not in ran]
    for one in missing:
        with connection.transaction():
            connection.execute(one.text.encode())
            connection.execute("INSERT INTO schema_migrations (name, digest) VALUES (%s, %s)", [one.name, one.digest])
    return [one.name for one in missing]

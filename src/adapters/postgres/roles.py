"""One role per service: it signs in to its own database alone, and may do to each table what its adapter does."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from adapters.postgres.database import Connection, Database, Server
from adapters.postgres.migrations import LOCK
from domain.errors import Unavailable

GRANTS: Mapping[str, Mapping[str, str]] = {
    "product": {"products": "SELECT, INSERT, UPDATE"},
    "inventory": {
        "product_info": "SELECT, INSERT, UPDATE",
        "orders": "SELECT, INSERT, UPDATE",
        "order_lines": "SELECT, INSERT",
        "order_events": "SELECT, INSERT",
        "movements": "SELECT, INSERT",
        "idempotency_keys": "SELECT, INSERT, UPDATE, DELETE",
        "outbox": "SELECT, INSERT, UPDATE, DELETE",  # UPDATE, because locking a row takes it
    },
    "user": {
        "users": "SELECT, INSERT, UPDATE, DELETE",
        "email_claims": "SELECT, INSERT, UPDATE, DELETE",
    },
}
"""What a role may do, by database and table. As with migrations, what the code before needs stays for one release."""
TIMEOUTS = {"statement_timeout": "20s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
"""Set on the role, because RDS Proxy refuses start-up options."""


def ensure_role(master: Database, service: Database, grants: Mapping[str, str]) -> None:
    """Make the role that `service` signs in as, with these rights in the database and no others.

    A role that can sign in keeps its password: a rotation may be under way. `master` is the same database, open as
    who owns it. Raises Unavailable when the role cannot sign in even so.
    """
    role, connection = service.server(), master.connection()
    name = sql.Identifier(role.username)
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role.username]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        set_password(connection, role)
    for setting, value in TIMEOUTS.items():
        connection.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), value))
    with connection.transaction():
        for statement in _rights(grants):
            connection.execute(sql.SQL(statement).format(role=name, database=sql.Identifier(master.name)))
    if not signs_in(service):
        set_password(connection, role)
        service.connection()
    service.close()


def set_password(connection: Connection, role: Server) -> None:
    """Give a role its password; the server, and so its log, sees the verifier alone."""
    connection.pgconn.change_password(role.username.encode(), role.password.encode())


def signs_in(database: Database) -> bool:
    """Say whether its credentials open a database."""
    try:
        database.connection()
    except Unavailable:
        return False
    return True


def _rights(grants: Mapping[str, str]) -> list[str]:
    """Return the statements; they leave nothing of what was granted before, be it to everybody."""
    return [
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC, {role}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC, {role}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA public TO {role}",
        *(f"GRANT {rights} ON {table} TO {{role}}" for table, rights in grants.items()),
    ]

"""Profiles in PostgreSQL, and beside them who holds which email."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.postgres.database import Database
from domain.errors import Conflict
from domain.identity.users import Claim, User

COLUMNS = "id, username, email, name, created_at"
CLAIM = (
    "INSERT INTO email_claims (email, username, at, user_id)"
    " VALUES (%(email)s, %(username)s, %(at)s, %(user_id)s) ON CONFLICT"
)

SAME = "email = %s AND username = %s AND at = %s AND user_id IS NOT DISTINCT FROM %s"


class PostgresUsers:
    """Profiles in the table `users`, claims in `email_claims`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User) -> None:
        """Store a profile, which holds its email from now on; storing the same one again is fine.

        Raises Conflict when another username holds the email.
        """
        held_by = Claim.of(user.email, user.username, user.created_at, user.id)
        with self._database.transaction() as connection:
            held = connection.execute(
                f"{CLAIM} (email) DO UPDATE SET at = excluded.at, user_id = excluded.user_id"
                " WHERE email_claims.username = excluded.username",
                vars(held_by),
            )
            if not held.rowcount:
                raise Conflict("this email belongs to another account")
            connection.execute(
                f"INSERT INTO users ({COLUMNS}) VALUES (%(id)s, %(username)s, %(email)s, %(name)s, %(created_at)s)"
                " ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email,"
                " name = excluded.name, created_at = excluded.created_at",
                vars(user),
            )

    def get(self, user_id: str) -> User | None:
        """Return one profile."""
        rows = self._database.query(f"SELECT {COLUMNS} FROM users WHERE id = %s", [user_id])
        return User(*rows[0]) if rows else None

    def page(self, limit: int, after: tuple[str, str] | None = None) -> Sequence[User]:
        """Return up to `limit` profiles from those after a (username, id), in order of username."""
        where = "WHERE (username, id) > (%s, %s)" if after else ""
        parameters = list(after or ())
        rows = self._database.query(
            f"SELECT {COLUMNS} FROM users {where} ORDER BY username, id LIMIT %s", [*parameters, limit]
        )
        return [User(*row) for row in rows]

    def remove(self, user: User) -> None:
        """Remove a profile and its hold of the email; doing so again is fine."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM email_claims WHERE user_id = %s", [user.id])
            connection.execute("DELETE FROM users WHERE id = %s", [user.id])

    def holder(self, email: str) -> Claim | None:
        """Return who holds an email now."""
        rows = self._database.query("SELECT username, at, user_id FROM email_claims WHERE email = %s", [email.lower()])
        return Claim(email.lower(), *rows[0]) if rows else None

    def claim(self, wanted: Claim, instead_of: Claim | None) -> bool:
        """Hold an email, if its claim is still `instead_of` (None: nobody's); return whether it was."""
        if instead_of is None:
            claimed = self._database.execute(f"{CLAIM} DO NOTHING", vars(wanted))
        else:
            claimed = self._database.execute(
                f"UPDATE email_claims SET username = %s, at = %s, user_id = %s WHERE {SAME}",
                [wanted.username, wanted.at, wanted.user_id, *_same(instead_of)],
            )
        return claimed.rowcount == 1

    def release(self, claim: Claim) -> None:
        """Give a claim up, if it still stands as it was made."""
        self._database.execute(f"DELETE FROM email_claims WHERE {SAME}", _same(claim))


def _same(claim: Claim) -> list[object]:
    return [claim.email, claim.username, claim.at, claim.user_id]

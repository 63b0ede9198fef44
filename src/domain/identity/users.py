"""Users' profiles, and who holds which email."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.errors import NotFound


@dataclass(frozen=True)
class User:
    """A person's profile; `id` is the subject of their tokens."""

    id: str
    username: str
    email: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Claim:
    """Who holds an email, and since when; `user_id` is None until the profile stands.

    Email and username are in lower case: capitals make no other person.
    """

    email: str
    username: str
    at: datetime
    user_id: str | None = None

    @classmethod
    def of(cls, email: str, username: str, at: datetime, user_id: str | None = None) -> Claim:
        """Return a claim of what somebody wrote."""
        return cls(email.lower(), username.lower(), at, user_id)


class Users(Protocol):
    """The profiles' store."""

    def add(self, user: User) -> None:
        """Store a profile, which holds its email from now on; storing the same one again is fine.

        Raises Conflict when another username holds the email.
        """

    def get(self, user_id: str) -> User | None:
        """Return one profile."""

    def page(self, limit: int, after: tuple[str, str] | None = None) -> Sequence[User]:
        """Return up to `limit` profiles from those after a (username, id), in an order of the store's own.

        What was written a moment ago may not show yet.
        """

    def remove(self, user: User) -> None:
        """Remove a profile and its hold of the email; doing so again is fine."""

    def holder(self, email: str) -> Claim | None:
        """Return who holds an email now."""

    def claim(self, wanted: Claim, instead_of: Claim | None) -> bool:
        """Hold an email, if its claim is still `instead_of` (None: nobody's); return whether it was."""

    def release(self, claim: Claim) -> None:
        """Give a claim up, if it still stands as it was made."""


def get_user(user_id: str, users: Users) -> User:
    """Return a profile. Raises NotFound."""
    if not (user := users.get(user_id)):
        raise NotFound("you have no profile yet; signing in makes it")
    return user

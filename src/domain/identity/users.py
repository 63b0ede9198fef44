"""Users, their sign-in accounts, and what can be done with both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.errors import NotFound
from domain.ports import Clock


@dataclass(frozen=True)
class Registration:
    """What a person says to register; never logged."""

    username: str
    email: str
    name: str
    password: str


@dataclass(frozen=True)
class User:
    """A person's profile; `id` is the subject of their tokens."""

    id: str
    username: str
    email: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gives; `expires_in` in seconds. A refresh gives no refresh token unless it was rotated."""

    access_token: str
    id_token: str
    refresh_token: str | None
    expires_in: int


@dataclass(frozen=True)
class SignedIn:
    """A sign-in: the tokens, and what the sign-in service knows of the person; `subject` is the user's id."""

    tokens: Tokens
    subject: str
    username: str
    email: str
    name: str


class Accounts(Protocol):
    """The sign-in service."""

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject.

        Raises Conflict when the username is taken, InvalidInput for a password that breaks the policy.
        """

    def confirm(self, username: str, code: str) -> None:
        """Confirm an account. Raises InvalidInput for a wrong or old code."""

    def login(self, username: str, password: str) -> SignedIn:
        """Sign in. Raises Unauthenticated, without saying what was wrong; Conflict before confirmation."""

    def resend(self, username: str) -> None:
        """Send the confirmation code again, where somebody waits for one; never tells who does."""

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises Unauthenticated when it has ended or was signed out."""

    def logout(self, access_token: str) -> None:
        """End all sessions of a person: their refresh tokens are worth nothing from now on."""

    def forgot(self, username: str) -> None:
        """Send a code for a new password, where there is such a person; never tells whether."""

    def reset(self, username: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent. Raises InvalidInput for the code or the password."""

    def change(self, access_token: str, old: str, new: str) -> None:
        """Set a new password. Raises Unauthenticated for a wrong old one, InvalidInput for a weak new one."""


class Users(Protocol):
    """The profiles' store."""

    def add(self, user: User) -> None:
        """Store a profile; storing the same one again is fine."""

    def get(self, user_id: str) -> User | None:
        """Return one profile."""


def register_user(registration: Registration, *, accounts: Accounts, users: Users, clock: Clock) -> User:
    """Register a person. Raises Conflict and InvalidInput as `Accounts.sign_up` does."""
    subject = accounts.sign_up(registration)
    user = User(subject, registration.username, registration.email, registration.name, clock())
    users.add(user)
    return user


def login_user(username: str, password: str, *, accounts: Accounts, users: Users, clock: Clock) -> Tokens:
    """Sign a person in. Raises Unauthenticated and Conflict as `Accounts.login` does.

    A profile that is missing, because a registration broke off half-way or somebody else made the account, is
    made here.
    """
    found = accounts.login(username, password)
    if users.get(found.subject) is None:
        users.add(User(found.subject, found.username, found.email, found.name, clock()))
    return found.tokens


def get_user(user_id: str, users: Users) -> User:
    """Return a profile. Raises NotFound."""
    if not (user := users.get(user_id)):
        raise NotFound("you have no profile yet; signing in makes it")
    return user

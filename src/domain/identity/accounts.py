"""Sign-in accounts: what people do with their own, and what only the shop may do with anybody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.errors import Conflict, FieldProblem


@dataclass(frozen=True)
class Registration:
    """What a person says to register; never logged."""

    username: str
    email: str
    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gives; `expires_in` in seconds. A refresh gives no refresh token unless it was rotated."""

    access_token: str
    id_token: str
    refresh_token: str | None
    expires_in: int


@dataclass(frozen=True)
class SignedIn:
    """A sign-in: the tokens, and what the sign-in service knows of the person; `subject` is the user's id.

    `email` is None unless the person has shown that it is theirs.
    """

    tokens: Tokens
    subject: str
    username: str
    email: str | None
    name: str


@dataclass(frozen=True)
class Challenge:
    """One more step that a sign-in needs: its name at the sign-in service, and the session to go on with."""

    name: str
    session: str


@dataclass(frozen=True)
class Answer:
    """A person's answer to a challenge: the new password, or the code."""

    username: str
    challenge: Challenge
    answer: str = field(repr=False)


class Standing(StrEnum):
    """How far an account has come."""

    UNCONFIRMED = "unconfirmed"
    INVITED = "invited"
    ACTIVE = "active"


@dataclass(frozen=True)
class Account:
    """An account as the sign-in service keeps it; `subject` is the id of the user's profile."""

    subject: str
    email: str
    standing: Standing
    created_at: datetime


def taken(field: str) -> Conflict:
    """Return the refusal of a username or an email that somebody has."""
    return Conflict(f"this {field} is taken", [FieldProblem(field, "is taken")])


class Accounts(Protocol):
    """The sign-in service, as everybody may use it."""

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject.

        Raises Conflict when the username is taken, InvalidInput for a password that breaks the policy.
        """

    def confirm(self, username: str, code: str) -> None:
        """Confirm an account. Raises InvalidInput for a wrong or old code."""

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
        """Set a new password. Raises InvalidInput for either password, Unauthenticated as `check` does."""

    def check(self, access_token: str) -> None:
        """Ask whether a token is still good. Raises Unauthenticated when it has ended, or the account."""

    def close(self, access_token: str) -> None:
        """Remove the person's own account. Raises Unauthenticated when the token has ended, or the account."""


class Directory(Protocol):
    """The sign-in service, as the shop alone may use it."""

    def find(self, username: str) -> Account | None:
        """Return an account."""

    def remove(self, subject: str) -> None:
        """Remove an account by its subject, which nobody else will ever have; one that is gone already is fine."""

    def invite(self, email: str, name: str) -> str:
        """Make an account whose username is the email, and send it a first password; return its subject.

        Raises Conflict when there is such an account.
        """

    def login(self, username: str, password: str, address: str) -> SignedIn | Challenge:
        """Sign in from a client's address. Raises Unauthenticated, without saying what was wrong.

        Raises NotConfirmed before confirmation, ResetRequired when the password must be reset first.
        """

    def answer(self, answer: Answer, address: str) -> SignedIn | Challenge:
        """Go on with a sign-in. Raises InvalidInput for a wrong answer, Unauthenticated for an old session."""

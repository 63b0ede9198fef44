"""Signing in, at once or by steps; a profile that is missing is made on the way."""

from __future__ import annotations

from contextlib import suppress

from domain.errors import Conflict
from domain.identity.accounts import Answer, Challenge, Directory, SignedIn, Tokens
from domain.identity.users import User, Users
from domain.ports import Clock


def login_user(
    username: str, password: str, address: str, *, directory: Directory, users: Users, clock: Clock
) -> Tokens | Challenge:
    """Sign a person in from a client's address. Raises Unauthenticated and Conflict as `Directory.login` does."""
    return _come_in(directory.login(username, password, address), users, clock)


def answer_challenge(
    answer: Answer, address: str, *, directory: Directory, users: Users, clock: Clock
) -> Tokens | Challenge:
    """Go on with a sign-in. Raises InvalidInput and Unauthenticated as `Directory.answer` does."""
    return _come_in(directory.answer(answer, address), users, clock)


def _come_in(found: SignedIn | Challenge, users: Users, clock: Clock) -> Tokens | Challenge:
    """Make the profile that is missing because a registration broke off, or somebody else made the account.

    Whose email is not shown to be theirs, or is another's by now, comes in without a profile.
    """
    if isinstance(found, Challenge):
        return found
    if found.email and users.get(found.subject) is None:
        with suppress(Conflict):
            users.add(User(found.subject, found.username, found.email, found.name, clock()))
    return found.tokens

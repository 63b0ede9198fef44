"""Accounts and profiles in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from domain.errors import Conflict, FieldProblem, InvalidInput, NotConfirmed, Unauthenticated
from domain.identity.accounts import Account, Answer, Challenge, Registration, SignedIn, Standing, Tokens, taken
from domain.identity.users import Claim, User
from domain.ports import Clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEW_PASSWORD = "NEW_PASSWORD_REQUIRED"  # noqa: S105 - a challenge's name


class MemoryUsers:
    """Profiles and claims in dictionaries."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._claims: dict[str, Claim] = {}

    def add(self, user: User) -> None:
        """Store a profile, which holds its email from now on. Raises Conflict when another username holds it."""
        claim = Claim.of(user.email, user.username, user.created_at, user.id)
        if self._claims.get(claim.email, claim).username != claim.username:
            raise Conflict("this email belongs to another account")
        self._claims[claim.email] = claim
        self._users[user.id] = user

    def get(self, user_id: str) -> User | None:
        """Return one profile."""
        return self._users.get(user_id)

    def page(self, limit: int, after: tuple[str, str] | None = None) -> Sequence[User]:
        """Return up to `limit` profiles from those after a (username, id), in order of username."""
        users = sorted(self._users.values(), key=_place)
        return [one for one in users if after is None or _place(one) > after][:limit]

    def remove(self, user: User) -> None:
        """Remove a profile and its hold of the email; doing so again is fine."""
        self._users.pop(user.id, None)
        if (claim := self.holder(user.email)) and claim.user_id == user.id:
            del self._claims[claim.email]

    def holder(self, email: str) -> Claim | None:
        """Return who holds an email now."""
        return self._claims.get(email.lower())

    def claim(self, wanted: Claim, instead_of: Claim | None) -> bool:
        """Hold an email, if its claim is still `instead_of` (None: nobody's); return whether it was."""
        if self._claims.get(wanted.email) != instead_of:
            return False
        self._claims[wanted.email] = wanted
        return True

    def release(self, claim: Claim) -> None:
        """Give a claim up, if it still stands as it was made."""
        if self._claims.get(claim.email) == claim:
            del self._claims[claim.email]


def _place(user: User) -> tuple[str, str]:
    return user.username, user.id


@dataclass
class _Kept:
    """An account of a MemoryCognito, and what is needed to get in."""

    account: Account
    registration: Registration
    reset: bool = False


class MemoryCognito:
    """Accounts and their directory: confirmed with CODE, passwords reset with RESET_CODE, invited with FIRST."""

    CODE, RESET_CODE = "123456", "654321"
    FIRST = "First-password-1"
    MIN_PASSWORD = 12

    def __init__(self, clock: Clock = lambda: EPOCH) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._kept: dict[str, _Kept] = {}
        self._sessions: dict[str, str] = {}

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject."""
        self._check(registration.password)
        return self._make(registration, Standing.UNCONFIRMED)

    def invite(self, email: str, name: str) -> str:
        """Make an account whose username is the email, with the password FIRST; return its subject."""
        return self._make(Registration(email, email, name, self.FIRST), Standing.INVITED)

    def find(self, username: str) -> Account | None:
        """Return an account."""
        kept = self._kept.get(username.lower())
        return kept.account if kept else None

    def remove(self, subject: str) -> None:
        """Remove an account by its subject; one that is gone already is fine."""
        self._kept = {name: kept for name, kept in self._kept.items() if kept.account.subject != subject}

    def usernames(self) -> Sequence[str]:
        """Return everybody who has an account."""
        return sorted(self._kept)

    def confirm(self, username: str, code: str) -> None:
        """Confirm an account. Raises InvalidInput for a wrong code, Conflict when it is confirmed already."""
        account = self.find(username)
        if account and account.standing == Standing.ACTIVE:
            raise Conflict("this registration is confirmed already: sign in")
        if account is None or code != self.CODE:
            raise _wrong_code()
        self._activate(username)

    def login(self, username: str, password: str, address: str) -> SignedIn | Challenge:  # noqa: ARG002 - a memory is not attacked
        """Sign in from a client's address. Raises Unauthenticated, without saying what was wrong."""
        kept = self._kept.get(username.lower())
        if kept and kept.account.standing == Standing.UNCONFIRMED:
            raise NotConfirmed("confirm the registration first: the code was sent by email")
        if kept is None or kept.registration.password != password:
            raise Unauthenticated("wrong username or password")
        if kept.account.standing == Standing.INVITED:
            return Challenge(NEW_PASSWORD, f"session-{kept.account.subject}")
        return self._signed_in(kept)

    def answer(self, answer: Answer, address: str) -> SignedIn | Challenge:  # noqa: ARG002 - as above
        """Go on with a sign-in by setting a new password."""
        kept = self._kept.get(answer.username.lower())
        if kept is None or answer.challenge.session != f"session-{kept.account.subject}":
            raise Unauthenticated("begin the sign-in anew")
        self._set(answer.username, answer.answer, "answer")
        self._activate(answer.username)
        return self._signed_in(self._kept[answer.username.lower()])

    def resend(self, username: str) -> None:
        """Send the confirmation code again, where somebody waits for one; never tells who does."""

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises Unauthenticated when it has ended or was signed out."""
        self._person(refresh_token, "refresh-")
        session = refresh_token.removeprefix("refresh-")
        return Tokens(f"access-{session}", f"id-{session}", None, 3600)

    def logout(self, access_token: str) -> None:
        """End all sessions of a person: their refresh tokens are worth nothing from now on."""
        self._end_sessions(self._person(access_token, "access-"))

    def forgot(self, username: str) -> None:
        """Send a code for a new password, where there is such a person; never tells whether."""
        if (kept := self._kept.get(username.lower())) and kept.account.standing == Standing.ACTIVE:
            kept.reset = True

    def reset(self, username: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent. Raises InvalidInput for the code or the password."""
        kept = self._kept.get(username.lower())
        if kept is None or not kept.reset or code != self.RESET_CODE:
            raise _wrong_code()
        self._set(username, password)

    def change(self, access_token: str, old: str, new: str) -> None:
        """Set a new password. Raises InvalidInput for either password, Unauthenticated as `check` does."""
        username = self._person(access_token, "access-")
        if self._kept[username].registration.password != old:
            raise InvalidInput("the password was not accepted", [FieldProblem("old_password", "is wrong")])
        self._set(username, new, "new_password")

    def check(self, access_token: str) -> None:
        """Ask whether a token is still good. Raises Unauthenticated when it has ended, or the account."""
        self._person(access_token, "access-")

    def close(self, access_token: str) -> None:
        """Remove the person's own account. Raises Unauthenticated when the token has ended, or the account."""
        username = self._person(access_token, "access-")
        self._end_sessions(username)
        self.remove(self._kept[username].account.subject)

    def _make(self, registration: Registration, standing: Standing) -> str:
        username = registration.username.lower()
        if username in self._kept:
            raise taken("username")
        account = Account(f"subject-{next(self._numbers)}", registration.email, standing, self._clock())
        self._kept[username] = _Kept(account, registration)
        return account.subject

    def _activate(self, username: str) -> None:
        kept = self._kept[username.lower()]
        kept.account = replace(kept.account, standing=Standing.ACTIVE)

    def _signed_in(self, kept: _Kept) -> SignedIn:
        session, said = f"{kept.account.subject}-{len(self._sessions)}", kept.registration
        self._sessions[session] = said.username.lower()
        tokens = Tokens(f"access-{session}", f"id-{session}", f"refresh-{session}", 3600)
        return SignedIn(tokens, kept.account.subject, said.username, said.email, said.name)

    def _person(self, token: str, kind: str) -> str:
        if not token.startswith(kind) or token.removeprefix(kind) not in self._sessions:
            raise Unauthenticated("sign in again")
        return self._sessions[token.removeprefix(kind)]

    def _end_sessions(self, person: str) -> None:
        self._sessions = {session: name for session, name in self._sessions.items() if name != person}

    def _set(self, username: str, password: str, field: str = "password") -> None:
        self._check(password, field)
        kept = self._kept[username.lower()]
        kept.registration = replace(kept.registration, password=password)

    def _check(self, password: str, field: str = "password") -> None:
        if len(password) < self.MIN_PASSWORD:
            raise InvalidInput("the password was not accepted", [FieldProblem(field, "is too short")])


def _wrong_code() -> InvalidInput:
    return InvalidInput("the code was not accepted", [FieldProblem("code", "is not the code that was sent")])

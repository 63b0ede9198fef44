"""Making users: they register, or somebody invites them.

An email is claimed before the account is made, so that of many registrations with one email a single one reaches
the sign-in service. What breaks off half-way is begun anew by the next try, or completed by the next sign-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.errors import Conflict, InFlight, InvalidInput, TradepostError
from domain.identity.accounts import Account, Accounts, Directory, Registration, Standing, taken
from domain.identity.users import Claim, User, Users
from domain.ports import Clock

LEASE = timedelta(seconds=15)
"""How long one try has an email to itself: longer than its function may run."""
LIFE = {Standing.UNCONFIRMED: timedelta(hours=48), Standing.INVITED: timedelta(days=7)}
"""After so long an account that nobody has entered gives way.

Cognito's codes live for 24 hours, and another may be asked for until then; first passwords live for 7 days.
"""


def register_user(
    registration: Registration, *, accounts: Accounts, directory: Directory, users: Users, clock: Clock
) -> User:
    """Register a person. Raises Conflict for a taken username or email, InvalidInput as `Accounts.sign_up` does."""
    office = _Office(directory, users, clock())
    return office.enrol(
        registration.username, registration.email, registration.name, lambda: accounts.sign_up(registration)
    )


def invite_user(email: str, name: str, *, directory: Directory, users: Users, clock: Clock) -> User:
    """Make a user whose username is the email, and send them a first password. Raises Conflict for a taken email."""
    office = _Office(directory, users, clock())
    return office.enrol(email.lower(), email, name, lambda: directory.invite(email, name))


def is_registering(username: str, email: str, users: Users, clock: Clock) -> bool:
    """Return whether a registration of that username with that email is under way right now."""
    claim = users.holder(email)
    return (
        claim is not None
        and claim.user_id is None
        and claim.username == username.lower()
        and clock() - claim.at < LEASE
    )


@dataclass(frozen=True)
class _Office:
    directory: Directory
    users: Users
    now: datetime

    def enrol(self, username: str, email: str, name: str, make: Callable[[], str]) -> User:
        """Return the user of the account that `make` makes."""
        with self._claimed(email, username):
            subject = self._subject(username, email, make)
            user = User(subject, username, email, name, self.now)
            self.users.add(user)
        return user

    @contextmanager
    def _claimed(self, email: str, username: str) -> Iterator[None]:
        """Hold the email for this try alone; what is refused gives it back, what breaks off lets the next try in."""
        found = self.users.holder(email)
        if found and not self._gives_way(found):
            raise taken("email")
        claim = Claim.of(email, username, self.now)
        if not self.users.claim(claim, instead_of=found):
            raise InFlight("this email is being registered right now; try again in a few seconds")
        try:
            if found:
                self._clear(found, claim)
            yield
        except (Conflict, InvalidInput):
            self.users.release(claim)
            raise
        except TradepostError:
            with suppress(TradepostError):
                self.users.claim(replace(claim, at=claim.at - LEASE), instead_of=claim)
            raise

    def _gives_way(self, claim: Claim) -> bool:
        """Return whether nobody stands behind a claim, or somebody who has never got in."""
        if claim.user_id is None and self.now - claim.at < LEASE:
            raise InFlight("this email is being registered right now; try again in a few seconds")
        account = self.directory.find(claim.username)
        if account is None or not _behind(account, claim):
            return True
        return self._forgotten(account) or (claim.user_id is None and account.standing != Standing.ACTIVE)

    def _clear(self, found: Claim, claim: Claim) -> None:
        """Remove the profile and the account behind a claim that has given way to another.

        Raises Conflict when somebody has got in meanwhile, whose claim stands again then.
        """
        account = self.directory.find(found.username)
        behind = account is not None and _behind(account, found)
        if account and behind and account.standing == Standing.ACTIVE:
            self.users.claim(found, instead_of=claim)
            raise taken("email")
        if found.user_id and (user := self.users.get(found.user_id)):
            self.users.remove(user)
        if account and behind:
            self.directory.remove(account.subject)

    def _subject(self, username: str, email: str, make: Callable[[], str]) -> str:
        """Return the subject of a new account, in the place of one that was left half-way or forgotten."""
        try:
            return make()
        except Conflict:
            account = self.directory.find(username)
            if account is None or not (self._forgotten(account) or _half_way(account, email)):
                raise
            if user := self.users.get(account.subject):
                self.users.remove(user)
            self.directory.remove(account.subject)
            return make()

    def _forgotten(self, account: Account) -> bool:
        return account.standing in LIFE and self.now - account.created_at > LIFE[account.standing]


def _behind(account: Account, claim: Claim) -> bool:
    """Return whether an account is the one of a claim, and not one that has its username by now."""
    return account.subject == claim.user_id if claim.user_id else account.email.lower() == claim.email


def _half_way(account: Account, email: str) -> bool:
    """Return whether nobody has got into an account with that email, which has no profile: the claim was free."""
    return account.standing != Standing.ACTIVE and account.email.lower() == email.lower()

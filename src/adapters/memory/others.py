"""The smaller ports in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.catalog.products import Product
from domain.errors import Conflict, FieldProblem, InvalidInput, NotFound, Unauthenticated
from domain.identity.users import Registration, SignedIn, Tokens, User
from domain.inventory.projection import OrderStep, Stock
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from domain.outbox import Written

HOUR = timedelta(hours=1)


class MemoryProducts:
    """Products in a dictionary."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}

    def add(self, product: Product) -> None:
        """Add a product. Raises Conflict when the sku is taken."""
        if product.sku in self._products:
            raise Conflict(f"there is a product {product.sku} already")
        self._products[product.sku] = product

    def find(self, skus: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist, active or not, by sku."""
        return {sku: self._products[sku] for sku in skus if sku in self._products}

    def page(self, limit: int, after: str = "") -> Sequence[Product]:
        """Return up to `limit` active products whose sku comes after `after`, in order of sku."""
        return [one for sku, one in sorted(self._products.items()) if one.active and sku > after][:limit]

    def change(self, product: Product) -> None:
        """Put a product in the place of the one with its sku. Raises NotFound."""
        if product.sku not in self._products:
            raise NotFound(f"there is no product {product.sku}")
        self._products[product.sku] = product


class MemoryPublisher:
    """Keeps what it was given, or, while `down`, takes nothing."""

    def __init__(self) -> None:
        self.sent: list[Written] = []
        self.down = False

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all; return the ids of those delivered: none while `down`."""
        if self.down:
            return []
        self.sent += messages
        return [written.id for written in messages]


class MemoryStockView:
    """The projected stock in a dictionary, with every shipment's time."""

    def __init__(self) -> None:
        self._history: dict[str, list[StockLevel]] = defaultdict(list)

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        """Write the newest level of each sku unless the view has that version or a newer one."""
        for level in sorted(levels, key=lambda level: level.version):
            history = self._history[level.sku]
            if not history or history[-1].version < level.version:
                history.append(level)
        return {}

    def read(self, sku: str, now: datetime) -> Stock | None:
        """Return one sku's stock."""
        if not (history := self._history.get(sku)):
            return None
        minute = (now - HOUR).replace(second=0, microsecond=0) + timedelta(minutes=1)
        before = [level for level in history if level.updated_at < minute] or history[:1]
        return Stock(history[-1], history[-1].shipped_total - before[-1].shipped_total)

    def page(self, limit: int, now: datetime, after: str | None = None) -> Sequence[Stock]:
        """Return up to `limit` skus' stock behind the sku `after`, in order of sku."""
        skus = [sku for sku in sorted(self._history) if after is None or sku > after][:limit]
        return [stock for sku in skus if (stock := self.read(sku, now))]

    def levels(self) -> Iterable[StockLevel]:
        """Return all levels, in no order."""
        return [history[-1] for history in self._history.values()]


class MemoryOrderCounts:
    """Order counts as sets."""

    def __init__(self) -> None:
        self._orders: dict[tuple[datetime, Status], set[str]] = defaultdict(set)

    def count(self, steps: Collection[OrderStep]) -> None:
        """Count each order's step once, however often it comes."""
        for step in steps:
            self._orders[step.at.replace(second=0, microsecond=0), step.status].add(step.order_id)

    def counts(self, minute: datetime) -> Mapping[Status, int]:
        """Return how many orders reached each status in a minute."""
        return {status: len(ids) for (at, status), ids in self._orders.items() if at == minute}


class MemoryCalls:
    """Calls counted in a dictionary."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, datetime], int] = defaultdict(int)

    def count(self, operation: str, client: str, at: datetime) -> int:
        """Count a client's call; return how many it has made in that minute, this one included."""
        key = (operation, client, at.replace(second=0, microsecond=0))
        self._calls[key] += 1
        return self._calls[key]


class MemoryUsers:
    """Profiles in a dictionary."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def add(self, user: User) -> None:
        """Store a profile; storing the same one again is fine."""
        self._users[user.id] = user

    def get(self, user_id: str) -> User | None:
        """Return one profile."""
        return self._users.get(user_id)


class MemoryAccounts:
    """Accounts that are confirmed with CODE, and whose passwords are reset with RESET_CODE."""

    CODE, RESET_CODE = "123456", "654321"
    MIN_PASSWORD = 12

    def __init__(self) -> None:
        self._accounts: dict[str, tuple[Registration, str]] = {}
        self._confirmed: set[str] = set()
        self._sessions: dict[str, str] = {}
        self._forgot: set[str] = set()

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject."""
        if registration.username in self._accounts:
            raise Conflict("this username is taken")
        self._check(registration.password)
        subject = f"subject-{len(self._accounts) + 1}"
        self._accounts[registration.username] = (registration, subject)
        return subject

    def confirm(self, username: str, code: str) -> None:
        """Confirm an account. Raises InvalidInput for a wrong code, Conflict when it is confirmed already."""
        if username in self._confirmed:
            raise Conflict("this registration is confirmed already: sign in")
        if code != self.CODE or username not in self._accounts:
            raise InvalidInput("the code was not accepted", [FieldProblem("code", "is not the code that was sent")])
        self._confirmed.add(username)

    def login(self, username: str, password: str) -> SignedIn:
        """Sign in. Raises Unauthenticated, without saying what was wrong; Conflict before confirmation."""
        registration, subject = self._accounts.get(username, (None, ""))
        if registration is None or registration.password != password:
            raise Unauthenticated("wrong username or password")
        if username not in self._confirmed:
            raise Conflict("confirm the registration first: the code was sent by email")
        session = f"{subject}-{len(self._sessions)}"
        self._sessions[session] = username
        tokens = Tokens(f"access-{session}", f"id-{session}", f"refresh-{session}", 3600)
        return SignedIn(tokens, subject, username, registration.email, registration.name)

    def resend(self, username: str) -> None:
        """Send the confirmation code again, where somebody waits for one; never tells who does."""

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises Unauthenticated when it has ended or was signed out."""
        self._person(refresh_token, "refresh-")
        session = refresh_token.removeprefix("refresh-")
        return Tokens(f"access-{session}", f"id-{session}", None, 3600)

    def logout(self, access_token: str) -> None:
        """End all sessions of a person: their refresh tokens are worth nothing from now on."""
        person = self._person(access_token, "access-")
        self._sessions = {session: name for session, name in self._sessions.items() if name != person}

    def forgot(self, username: str) -> None:
        """Send a code for a new password, where there is such a person; never tells whether."""
        self._forgot.add(username)

    def reset(self, username: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent. Raises InvalidInput for the code or the password."""
        if code != self.RESET_CODE or username not in self._forgot & self._accounts.keys():
            raise InvalidInput("the code was not accepted", [FieldProblem("code", "is not the code that was sent")])
        self._set(username, password)

    def change(self, access_token: str, old: str, new: str) -> None:
        """Set a new password. Raises Unauthenticated for a wrong old one, InvalidInput for a weak new one."""
        username = self._person(access_token, "access-")
        if self._accounts[username][0].password != old:
            raise Unauthenticated("the old password is wrong, or sign in again")
        self._set(username, new)

    def _person(self, token: str, kind: str) -> str:
        if not token.startswith(kind) or token.removeprefix(kind) not in self._sessions:
            raise Unauthenticated("sign in again")
        return self._sessions[token.removeprefix(kind)]

    def _set(self, username: str, password: str) -> None:
        self._check(password)
        registration, subject = self._accounts[username]
        self._accounts[username] = (replace(registration, password=password), subject)

    def _check(self, password: str) -> None:
        if len(password) < self.MIN_PASSWORD:
            raise InvalidInput("the password was not accepted", [FieldProblem("password", "is too short")])

"""A shop on a running stack, as its customers and its admin use it over HTTP."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import psycopg
import requests

from local.state import StackInfo
from tests.e2e.leaks import CODES, secrets_in
from tests.e2e.running import eventually
from tests.openapi import check_answer, template_of

CODE, RESET_CODE = CODES
T = TypeVar("T")


def at_once(times: int, do: Callable[[int], T]) -> list[T]:
    """Do something that many times at the same time."""
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(do, range(times)))


@dataclass(frozen=True)
class Http:
    """The API, as one caller sees it."""

    url: str
    token: str | None = field(default=None, repr=False)
    seen: set[str] = field(default_factory=set, repr=False, compare=False, kw_only=True)
    """Every secret that went over this connection, either way."""

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request, on a connection of its own; redirects are not followed.

        What comes back must be as openapi.json describes it.
        """
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if key:
            sent["Idempotency-Key"] = key
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, f"{self.url}{path}", json=body, headers=sent, timeout=60, allow_redirects=False
            )
        told = answer.json() if answer.headers.get("Content-Type") == "application/json" and answer.content else None
        self.seen.update(secrets_in(body), secrets_in(told))
        if template := template_of(method, path):
            check_answer(method, template, answer.status_code, answer.headers, answer.text)
        return answer

    def get(self, path: str) -> Any:
        """Return the JSON of a GET that succeeds."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(frozen=True)
class Person(Http):
    """Somebody with a password."""

    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def email(self) -> str:
        """Their address."""
        return f"{self.username}@people.example"

    def order(self, *lines: tuple[str, int], key: str | None = None) -> requests.Response:
        """Place an order of (sku, quantity) lines, under a new key unless one is given."""
        body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines]}
        return self("POST", "/orders", body, key=key or str(uuid.uuid4()))

    def ordered(self, *lines: tuple[str, int]) -> str:
        """Place an order that is accepted; return its path."""
        answer = self.order(*lines)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Location"])

    def sees(self, path: str, status: str) -> Any:
        """Wait until an order has a status; return the order."""
        return eventually(lambda: (order := self.get(path))["status"] == status and order, why=lambda: self.get(path))


class Shop:
    """One running stack. Remembers every secret that went through it."""

    def __init__(self, info: StackInfo) -> None:
        self.info = info
        self.secrets: set[str] = {sign_in.password for sign_in in info.users.values()}
        self.public = Http(info.url, seen=self.secrets)

    def newcomer(self) -> Person:
        """Return somebody who has not registered."""
        username, password = f"u{secrets.token_hex(6)}", f"Pass-{secrets.token_hex(8)}"
        return Person(self.info.url, None, username, password, seen=self.secrets)

    def register(self, person: Person) -> requests.Response:
        """Register somebody."""
        body = {"username": person.username, "email": person.email, "name": "Peter Person"}
        return self.public("POST", "/user/register", {**body, "password": person.password})

    def confirm(self, person: Person, code: str = CODE) -> requests.Response:
        """Confirm a registration."""
        return self.public("POST", "/user/confirm", {"username": person.username, "code": code})

    def login(self, username: str, password: str) -> requests.Response:
        """Sign in."""
        return self.public("POST", "/user/login", {"username": username, "password": password})

    def signed_in(self, username: str, password: str) -> Person:
        """Return somebody with a token."""
        answer = self.login(username, password)
        assert answer.status_code == 200, answer.text
        return Person(self.info.url, answer.json()["access_token"], username, password, seen=self.secrets)

    def customer(self) -> Person:
        """Return a new customer: registered, confirmed and signed in."""
        person = self.newcomer()
        assert self.register(person).status_code == 201
        assert self.confirm(person).status_code == 204
        return self.signed_in(person.username, person.password)

    @contextmanager
    def tokens_for(self, seconds: int) -> Iterator[None]:
        """Let access tokens that are given out in the block live for so many seconds."""
        cognito, outputs = self.info.client("cognito-idp"), self.info.outputs
        ids = {"UserPoolId": outputs["UserPoolId"], "ClientId": outputs["UserPoolClientId"]}
        before = cognito.describe_user_pool_client(**ids)["UserPoolClient"]
        kept = ids | {"ExplicitAuthFlows": before["ExplicitAuthFlows"]}
        units = before["TokenValidityUnits"]
        cognito.update_user_pool_client(
            **kept, AccessTokenValidity=seconds, TokenValidityUnits=units | {"AccessToken": "seconds"}
        )
        try:
            yield
        finally:
            cognito.update_user_pool_client(
                **kept, AccessTokenValidity=before["AccessTokenValidity"], TokenValidityUnits=units
            )

    @cached_property
    def admin(self) -> Person:
        """The stack's own admin."""
        sign_in = self.info.users["admin"]
        return self.signed_in(sign_in.username, sign_in.password)

    def product(self, stock: int = 0, *, price: int = 250, currency: str = "GBP") -> str:
        """Offer a new product with so many units; return its sku."""
        sku = f"T-{secrets.token_hex(5)}".upper()
        offer = {"sku": sku, "name": "A thing", "price_minor": price, "currency": currency}
        answer = self.admin("POST", "/products", offer)
        assert answer.status_code == 201, answer.text
        if stock:
            self.receive(sku, stock)
        return sku

    def receive(self, sku: str, quantity: int) -> None:
        """Take units in, and wait until everybody sees them."""
        arrival = {"quantity": quantity, "reason": "purchase"}
        answer = self.admin("POST", f"/inventory/{sku}/receipts", arrival, key=str(uuid.uuid4()))
        assert answer.status_code == 201, answer.text
        self.stock(sku)

    def stock(self, sku: str) -> tuple[int, int]:
        """Return a sku's units on hand and allocated, once the projection shows what was decided."""
        ((version, *decided),) = self.query("SELECT version, on_hand, allocated FROM product_info WHERE sku = %s", sku)

        def projected() -> Any:
            answer = self.admin("GET", f"/inventory/{sku}")
            return answer.status_code == 200 and answer.json()["version"] >= version and answer.json()

        seen = eventually(projected)
        assert [seen["on_hand"], seen["allocated"]] == decided
        return seen["on_hand"], seen["allocated"]

    def query(self, sql: str, *parameters: Any) -> Sequence[Any]:
        """Ask the decision side's database."""
        secret = self.info.database
        with psycopg.connect(
            host=secret["host"],
            port=secret["port"],
            user=secret["username"],
            password=secret["password"],
            dbname="inventory",
        ) as connection:
            return connection.execute(sql, parameters).fetchall()

    def status(self) -> Any:
        """Return what `tradepost status` knows."""
        return requests.get(f"{self.info.lambda_url}/status", timeout=30).json()

    def settled(self) -> Any:
        """Wait until nothing waits anywhere and nothing is under way."""
        return eventually(lambda: (found := self.status())["settled"] and found, why=self.status)

    def invoke(self, function: str, event: bytes = b"{}") -> Any:
        """Invoke a function that succeeds."""
        answer = self.info.client("lambda").invoke(FunctionName=function, Payload=event)
        assert "FunctionError" not in answer
        return answer["Payload"].read()


def problem(answer: requests.Response) -> tuple[int, str]:
    """Return a problem document's status and the end of its type, after checking its form (RFC 9457)."""
    document = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["type"].removeprefix("urn:tradepost:problem:")

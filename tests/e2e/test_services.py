"""The same answers through nginx and the services as through API Gateway and the functions, on one running stack."""

from __future__ import annotations

import itertools
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from handlers.http.routes import ROUTES
from tests.e2e.running import running
from tests.e2e.shop import Person, Shop

pytestmark = pytest.mark.xdist_group("e2e-services")

REQUESTS, SEED = 500, 7
OF_A_DOOR = {
    *("date", "server", "connection", "keep-alive", "transfer-encoding", "content-length"),
    *("apigw-requestid", "x-request-id"),  # API Gateway's own, and each request's
    *("x-frame-options", "referrer-policy"),  # nginx's
    "vary",  # API Gateway names Origin where it is an allowed one, the services always
}
"""Headers that one front door has and the other need not have."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
BODIES: tuple[Any, ...] = (
    *("", "{", "[]", "null", '"text"', "{}", '{"quantity": 1}', '{"a": ' * 50, "\x00", "\u00e9"),
    '{"name": "K\u00e4se", "note": "x"}',
    '{"lines": []}',
    '{"limit": 5}',
)
TYPES = (*3 * ("application/json",), "application/json; charset=utf-8", "text/plain", "application/xml")
TAGS = ('"1"', "*", "1", 'W/"1"', "")
QUERIES = (
    "",
    "",
    "?limit=2",
    "?limit=0",
    "?limit=x",
    "?limit=1&limit=2",
    "?cursor=%ff",
    "?cursor=abc",
    "?a=%C3%A9&b",
    "?q=a+b%20c",
)
IDS = ("85123A", "none", "%C3%A9", "a%20b", "1.5", "x" * 200, "a%2fb", "a%252fb", "")
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")


@dataclass(frozen=True)
class Asked:
    """One request, which goes through both doors; {door} in it is a letter of the door."""

    method: str
    path: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)

    def of(self, url: str, door: str) -> requests.Response:
        """Send it through a door."""
        headers = {name: value.replace("{door}", door) for name, value in self.headers.items()}
        request = requests.Request(self.method, url, headers, data=self.body.replace("{door}", door).encode()).prepare()
        request.url = f"{url}{self.path.replace('{door}', door)}"  # as it is: requests would tidy it up
        with requests.Session() as session:
            session.trust_env = False
            return session.send(request, timeout=60, allow_redirects=False)


@pytest.fixture(scope="module")
def both() -> Iterator[Shop]:
    """Return a shop with both doors: the services at its URL, the functions at its output ApiUrl."""
    with running("--services", recorded=False) as up:
        yield Shop(up.state.read())


def asked(shop: Shop, chance: random.Random) -> Iterator[Asked]:
    """Yield requests to every route, and past every route."""
    customer = shop.customer()
    tokens = (None, "garbage", "e30.e30.e30", customer.token, *3 * [shop.admin.token])
    routes = [(method, path) for method, path, _ in ROUTES if path not in UNFIT]
    while True:
        method, path = chance.choice(routes)
        path = re.sub(r"\{\w+\}", lambda _: chance.choice(IDS), path)
        if chance.random() < 0.1:
            method = chance.choice(METHODS)
        if chance.random() < 0.1:
            path += chance.choice(("/", "//", "/x", "%20", "?", "."))
        body = "" if method in {"GET", "HEAD"} else chance.choice(BODIES)
        if method in {"POST", "PUT"} and chance.random() < 0.3:
            method, path, body = chance.choice(fit(chance, customer))
        query = chance.choice(QUERIES) if "?" not in path else ""
        yield Asked(method, path + query, body, headers(chance, chance.choice(tokens), body))


def headers(chance: random.Random, token: str | None, body: str) -> dict[str, str]:
    """Return some headers."""
    number = uuid.UUID(int=chance.getrandbits(128))
    all_of_them = {
        "Idempotency-Key": (0.6, (f"{number}{{door}}", "", "k" * 300)),
        "Origin": (0.3, ("http://localhost:3000", "https://other.example", "null")),
        "If-Match": (0.1, TAGS),
        "If-None-Match": (0.1, TAGS),
        "X-Forwarded-For": (0.1, ("203.0.113.7",)),
        "X-Real-IP": (0.1, ("203.0.113.7",)),
        "Content-Type": (0.9 * bool(body), TYPES),
    }
    found = {name: chance.choice(values) for name, (often, values) in all_of_them.items() if chance.random() < often}
    return {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {}), **found}


UNFIT = {
    "/user/logout", "/user/me", "/user/password", "/user/refresh",  # they would end what the other requests need
    "/dead-letters/{queue}/redrive", "/dead-letters/{queue}/purge",
}  # fmt: skip


def fit(chance: random.Random, customer: Person) -> list[tuple[str, str, str]]:
    """Return requests that may well succeed, but for those whose effects show later, at a time of their own."""
    number = chance.randrange(10**9)
    person = f'"username":"u{number:09}{{door}}","email":"u{number:09}{{door}}@people.example"'
    return [
        ("POST", "/products", f'{{"sku":"S{number:09}{{door}}","name":"Tea","price_minor":5,"currency":"EUR"}}'),
        ("POST", "/orders", '{"lines":[{"sku":"none","quantity":1}]}'),
        ("POST", "/item", '{"name":"Kettle"}'),
        ("POST", "/user/register", f'{{{person},"name":"Ada","password":"Correct-horse-7"}}'),
        ("POST", "/user/login", f'{{"username":"{customer.username}","password":"Wrong-horse-7"}}'),
        ("POST", "/inventory/none/receipts", '{"quantity":1,"reason":"purchase"}'),
    ]


def seen(answer: requests.Response, door: str) -> dict[str, str]:
    """Return what must be the same: status, body and headers, without what differs from request to request."""

    def same(text: str) -> str:
        text = TIME.sub("TIME", UUID.sub("ID", text))
        return re.sub(r"([Su]\d{9})[12]", r"\1", text)

    found = {name.lower(): same(value) for name, value in answer.headers.items() if name.lower() not in OF_A_DOOR}
    kind = found.pop("content-type", "")
    if answer.content:  # API Gateway names a type for nothing, too
        found["content-type"] = kind.partition(";")[0]
    return {"status": str(answer.status_code), "body": same(answer.text), **found}


def differences(both: Shop, one: Asked) -> Iterator[str]:
    """Say what is different for a request, through one door and through the other."""
    first, second = seen(one.of(both.info.outputs["ApiUrl"], "1"), "1"), seen(one.of(both.info.url, "2"), "2")
    for name in first.keys() | second.keys():
        if first.get(name) != second.get(name):
            yield f"{one.method} {one.path} {sorted(one.headers)}: {name}: {first.get(name)} / {second.get(name)}"


def test_both_doors_answer_alike(both: Shop) -> None:
    requests = itertools.islice(asked(both, random.Random(SEED)), REQUESTS)

    found = [one for request in requests for one in differences(both, request)]
    assert not found, "\n".join(found)

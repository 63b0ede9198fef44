"""The same answers through nginx and the services as through API Gateway and the functions, on one running stack."""

from __future__ import annotations

import itertools
import json
import random
import re
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from handlers.http.routes import ROUTES, SERVICES
from tests.e2e.running import eventually, running
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


def said(shop: Shop, request: bytes) -> bytes:
    """Send bytes to nginx; return all that comes until it closes the connection."""
    where = urlsplit(shop.info.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30) as connection:
        with suppress(ConnectionError):  # it may hang up before all is sent
            connection.sendall(request)
        answer = bytearray()
        with suppress(ConnectionError):
            while chunk := connection.recv(1 << 16):
                answer += chunk
        return bytes(answer)


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer in what came over a connection."""
    return [int(one) for one in re.findall(rb"^HTTP/1\.1 (\d{3})", answer, re.MULTILINE)]


def handled(shop: Shop) -> int:
    """Return how many requests handlers of the services have answered."""
    entries = map(json.loads, Path(shop.info.log).read_text().splitlines())
    return sum(one["function"] in SERVICES and '"message":"answered"' in one["line"] for one in entries)


NEXT = b"GET /health HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


def head(line: str, *fields: str, host: str = "Host: shop") -> bytes:
    """Return the head of a request, written as it is."""
    return "\r\n".join([f"{line} HTTP/1.1", *filter(None, [host]), *fields, "", ""]).encode()


REFUSED = {
    "a body of 20 MB": (head("POST /user/login", "Content-Length: 20000000") + b"x" * 100_000, 413),
    "a header of 30 kB": (head("GET /health", f"X: {'x' * 30_000}"), 431),
    "a thousand headers": (head("GET /health", *["X: xxxxxxxxxxxxxxxx"] * 1000), 431),
    "more headers than an HTTP API takes": (head("GET /health", "Connection: close", *[f"X: {'x' * 5000}"] * 3), 431),
    "a long line": (head(f"GET /{'x' * 30_000}"), 431),
    "two lengths": (head("POST /health", "Content-Length: 0", "Content-Length: 60"), 400),
    "a length and chunks": (
        head("POST /health", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        400,
    ),
    "a length below nothing": (head("POST /health", "Content-Length: -1"), 400),
    "a length with a sign": (head("POST /health", "Content-Length: +5"), 400),
    "chunks twice": (head("POST /health", "Transfer-Encoding: chunked, chunked"), 501),
    "an encoding of its own": (head("POST /health", "Transfer-Encoding: xchunked"), 501),
    "a chunk without end": (head("POST /health", "Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n", 400),
    "no host": (head("GET /health", host=""), 400),
    "no host in HTTP/1.0": (b"GET /health HTTP/1.0\r\n\r\n", 400),
    "a space before the colon": (head("GET /health", "Content-Length : 5"), 400),
    "a nought": (head("GET /health%00"), 400),
    "an escape of nothing": (head("GET /products/%zz"), 400),
    "a path out of the root": (head("GET /../../etc/passwd"), 400),
}
"""Requests, and the status that each is refused with."""


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_too_much_or_ambiguous_reaches_no_handler(both: Shop, what: str) -> None:
    request, status = REFUSED[what]
    before = handled(both)

    answer = said(both, request + NEXT)

    assert statuses(answer) == [status], answer[:300]
    assert handled(both) == before


def test_a_request_of_http_0_9_reaches_no_handler(both: Shop) -> None:
    before = handled(both)

    assert said(both, b"GET /health\r\n") == b'{"message":"Bad Request"}'
    assert handled(both) == before


def test_nginx_logs_nothing_of_a_path_but_its_root(both: Shop) -> None:
    answer = said(both, head("POST /user/secret-1?code=secret-2", "Content-Length: 20000000"))
    eventually(lambda: [one for one in nginx_said(both) if '"status":413' in one and '"path":"/user"' in one])

    assert statuses(answer) == [413]
    assert not [one for one in nginx_said(both) if "secret-" in one]


def test_a_client_is_where_the_load_balancer_saw_it_also_within_the_network(both: Shop) -> None:
    said(both, head("GET /health", "Connection: close", "X-Forwarded-For: 192.0.2.7, 127.0.0.1", "User-Agent: inside"))
    (line,) = eventually(lambda: [json.loads(one) for one in nginx_said(both) if '"agent":"inside"' in one])

    assert line["address"] == "127.0.0.1"


def nginx_said(shop: Shop) -> list[str]:
    """Return what nginx has logged."""
    entries = map(json.loads, Path(shop.info.log).read_text().splitlines())
    return [one["line"] for one in entries if one["function"] == "nginx"]


def test_slow_clients_are_hung_up_on_and_keep_nobody_waiting(both: Shop) -> None:
    heads = (b"GET /health HT", head("POST /user/login", "Content-Length: 9") + b"{")
    before = handled(both)

    with ThreadPoolExecutor(100) as threads:
        slow = [threads.submit(said, both, head) for head in heads * 50]
        assert both.public.get("/health") == {"status": "ok"}
        ends = [statuses(one.result()) for one in slow]

    assert ends == [[], []] * 50
    assert handled(both) == before + 1

"""No spelling of a path, no header and no method leads past the authorizer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from handlers.http.routes import ROUTES
from tests.e2e.shop import Person, Shop
from tests.template import functions

pytestmark = pytest.mark.xdist_group("e2e")

REFUSED = {400, 401, 403, 404, 405}
SLASHES = ("%2f", "%2F", "%252f", "%5c", "\\", "%c0%af", "%ef%bc%8f")
BEFORE = ("/", "//", "/.", "/./", "/x/..", "/%2e", "/x/%2e%2e", "/%2f", "/%252f", "/%5c", "/\\", "/%c0%af", "/;")
BEHIND_HEALTH = ("/..", "/../..", "/..;", "/%2e%2e", "%2f..", "%252f%252e%252e", "/..%00", "%00", "%0d%0a", "%23", ";")
AFTER = (
    *("/", "//", "///", "/.", "/./", "/x/..", "/%2e", "/x/%2e%2e/", ".", "%2e", ".json", "%2f", "%252f", "%5c", "\\"),
    *(";", ";a=b", "%3b", "%20", "%09", "%00", "%0a", "%0d%0a", "%ff", "%", "%zz", "%2", "%25", "%u002f", "*", "~"),
    *("?", "?/health", "/?x", "%3f", "%3f/health", "%253f", "#", "#/health", "%23", "/%23", "/%3f"),
)


def protected() -> list[tuple[str, str]]:
    """Return method and path of each route behind the authorizer; the sku is one that exists."""
    events = [event for one in functions().values() for event in one.get("Events", {}).values()]
    open_to_all = {
        (route["Method"], route["Path"])
        for route in (event["Properties"] for event in events if event["Type"] == "HttpApi")
        if route.get("Auth") == {"Authorizer": "NONE"} and "Path" in route
    }
    return [
        (method, path.replace("{sku}", "85123A").replace("{id}", "1"))
        for method, path, _ in ROUTES
        if (method, path) not in open_to_all
    ]


def spellings(path: str, host: str) -> Iterator[str]:
    """Yield request targets that some server somewhere takes for the path."""
    first = path[1]
    yield from (path, path[1:], f"{path}/..{path}")
    yield from (f"{before}{path}" for before in BEFORE)
    yield from (f"/health{between}{path}" for between in BEHIND_HEALTH)
    yield from (f"{path}{after}" for after in AFTER)
    yield from (f"/{path[1:].replace('/', slash)}" for slash in ("//", "/./", "/x/../", *SLASHES))
    yield from (f"/{letter}{path[2:]}" for letter in (f"%{ord(first):02x}", f"%25{ord(first):02x}", first.upper()))
    yield from (path.upper(), path.title(), path.swapcase())
    yield from (f"http://{where}{path}" for where in (host, "localhost", "other.example", f"me@{host}", ""))


def raw(shop: Shop, method: str, target: str, *headers: str) -> tuple[int, str, bytes]:
    """Send a request exactly so; return status, Location and body."""
    where = urlsplit(shop.info.url)
    assert where.hostname
    assert where.port
    lines = (f"{method} {target} HTTP/1.1", f"Host: {where.netloc}", "Connection: close", "Content-Length: 0", *headers)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        with HTTPResponse(connection, method=method) as answer:
            answer.begin()
            return answer.status, answer.getheader("Location", ""), answer.read()


def let_in(shop: Shop, method: str, target: str, *headers: str) -> str | None:
    """Say how a request was answered, if with anything but a refusal or a way to where the authorizer stands."""
    status, location, body = raw(shop, method, target, *headers)
    refusals = REFUSED
    if status == 308:
        status, _, body = raw(shop, method, location, *headers)
        refusals = {401, 403}
    told = status == 400 or not body or b'{"message":' in body or b'"urn:tradepost:problem:' in body
    return None if status in refusals and told else f"{method} {target!r} {headers}: {status} {body!r}"


@pytest.mark.parametrize("headers", [(), ("Authorization: Bearer e30.e30.e30",)], ids=["no token", "a bad token"])
@pytest.mark.parametrize(("method", "path"), [pytest.param(*one, id=" ".join(one)) for one in protected()])
def test_no_spelling_of_a_path_gets_past_the_authorizer(
    shop: Shop, method: str, path: str, headers: tuple[str, ...]
) -> None:
    host = urlsplit(shop.info.url).netloc

    assert [found for target in spellings(path, host) if (found := let_in(shop, method, target, *headers))] == []


def test_who_is_let_in_is_noticed(shop: Shop, customer: Person) -> None:
    bearer = f"Authorization: Bearer {customer.token}"
    assert let_in(shop, "GET", "/products/85123A")
    assert let_in(shop, "GET", "/products/85123A/")
    assert let_in(shop, "GET", "/user/me", bearer)
    assert let_in(shop, "GET", "/user/me/", bearer)


def test_no_header_names_another_path_or_method(shop: Shop) -> None:
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method, path in (("POST", "/user/me"), ("DELETE", "/orders"), ("PATCH", "/inventory/85123A")):
            assert let_in(shop, method, path, f"{header}: GET") is None
    for header in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Original-Uri"):
        assert raw(shop, "GET", "/health", f"{header}: /user/me")[::2] == (200, b'{"status":"ok"}')
    for header in ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;proto=https"):
        assert let_in(shop, "GET", "/user/me", header) is None


@pytest.mark.parametrize("method", ["get", "Get", "HEAD", "TRACE", "PROPFIND", "GETT", "G\u0415T"])
def test_no_other_method_gets_at_data(shop: Shop, method: str) -> None:
    for path in ("/user/me", "/orders", "/inventory/85123A", "/item"):
        assert let_in(shop, method, path) is None


def test_a_preflight_needs_no_token_and_gets_nothing(shop: Shop) -> None:
    for path in ("/user/me", "/orders", "/inventory/85123A", "/item"):
        status, _, body = raw(
            shop, "OPTIONS", path, "Origin: https://evil.example", "Access-Control-Request-Method: GET"
        )
        assert (status, body) == (204, b"")


@pytest.mark.parametrize(
    "given",
    [
        "Authorization:",
        "Authorization: ",
        "Authorization: Bearer",
        "Authorization: {token}",
        "Authorization: Basic {token}",
        "Authorization: Bearer {token}x",
        "Authorization: Bearer x{token}",
        "Authorization: Bearer {token}, Bearer {token}",
        "Authorization: Bearer {token};",
        "Authorization: Bearer\t{token}",
        "Authorization: Bearer  {token}",
        'Authorization: Bearer "{token}"',
        "Authorization : Bearer {token}",
        "X-Authorization: Bearer {token}",
        "Proxy-Authorization: Bearer {token}",
        "Cookie: Authorization=Bearer {token}",
        "X-Amz-Security-Token: {token}",
        "Authorization: Bearer {token}\r\nAuthorization: Bearer {token}",
        "Authorization: Basic eDp5\r\nAuthorization: Bearer {token}",
    ],
)
def test_a_good_token_in_another_way_opens_nothing(shop: Shop, customer: Person, given: str) -> None:
    assert raw(shop, "GET", "/user/me", f"Authorization: Bearer {customer.token}")[0] == 200
    assert let_in(shop, "GET", "/user/me", given.format(token=customer.token)) is None


def test_a_token_in_the_query_opens_nothing(shop: Shop, customer: Person) -> None:
    for name in ("access_token", "token", "authorization", "Authorization"):
        assert let_in(shop, "GET", f"/user/me?{name}={customer.token}") is None

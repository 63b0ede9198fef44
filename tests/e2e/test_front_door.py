"""The front door: who is let in, and what API Gateway answers by itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest
import requests

from handlers.http.routes import ROUTES
from tests.e2e.running import eventually, logged_as
from tests.e2e.shop import Http, Person, Shop, problem

pytestmark = pytest.mark.xdist_group("e2e")

PROTECTED = ("/user/me", "/orders", "/orders/{id}", "/inventory/{sku}")
PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId")
"""What Lambda itself writes, of an invocation."""
LEEWAY = 10
"""Seconds that the authorizer grants to clocks that differ."""


def remaining(token: str) -> float:
    """Return the seconds that a token is still valid."""
    return float(jwt.decode(token, options={"verify_signature": False})["exp"]) - time.time()


def refused(answer: requests.Response, status: int, message: str) -> bool:
    """Say whether API Gateway itself refused, in its own words."""
    return (answer.status_code, answer.json()) == (status, {"message": message})


def test_nobody_gets_in_without_a_token(shop: Shop) -> None:
    for path in PROTECTED:
        assert refused(shop.public("GET", path), 401, "Unauthorized")


def test_what_is_no_access_token_of_ours_is_forbidden(shop: Shop) -> None:
    customer = shop.customer()
    login = shop.login(customer.username, customer.password).json()
    head, body, signature = login["access_token"].split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    unsigned = jwt.encode(jwt.decode(login["access_token"], options={"verify_signature": False}), "", algorithm="none")
    for token in ("garbage", login["id_token"], login["refresh_token"], forged, unsigned):
        assert refused(Http(shop.info.url, token)("GET", "/orders"), 403, "Forbidden")
    basic = shop.public("GET", "/orders", headers={"Authorization": f"Basic {login['access_token']}"})
    assert refused(basic, 403, "Forbidden")


def test_an_expired_token_is_forbidden(shop: Shop, late: Person) -> None:
    eventually(lambda: remaining(str(late.token)) < -LEEWAY)
    assert refused(late("GET", "/orders"), 403, "Forbidden")


def test_a_token_ends_on_time_though_the_authorizers_verdict_is_remembered(shop: Shop, customer: Person) -> None:
    assert customer("GET", "/orders").status_code == 200
    with shop.tokens_for(seconds=3):
        short = shop.signed_in(customer.username, customer.password)
    assert short("GET", "/orders").status_code == 200
    eventually(lambda: remaining(str(short.token)) < 0)
    assert problem(short("GET", "/orders")) == (401, "unauthenticated")


def test_a_customer_is_no_admin(shop: Shop, customer: Person) -> None:
    offer = {"sku": "MINE", "name": "Mine", "price_minor": 1, "currency": "GBP"}
    arrival = {"quantity": 1, "reason": "purchase"}
    assert problem(customer("POST", "/products", offer)) == (403, "forbidden")
    assert problem(customer("POST", f"/inventory/{shop.product()}/receipts", arrival, key="k")) == (403, "forbidden")


def test_a_slash_at_the_end_leads_to_the_path_without_it_and_to_no_data(shop: Shop, customer: Person) -> None:
    for caller in (shop.public, customer):
        for method, route, _ in ROUTES:
            path = route.format(sku="85123A", id="1", queue="orders")
            answer = caller(method, f"{path}/?limit=2")
            assert (answer.status_code, answer.content) == (308, b""), (method, path, answer.text)
            assert answer.headers["Location"] == f"{path}?limit=2"


def test_a_redirect_keeps_a_path_escaped(shop: Shop) -> None:
    for path in ("/products/a%20b", "/products/%C3%A9", "/products/a%0D%0AX-Injected:%20yes"):
        answer = shop.public("GET", f"{path}/")
        assert answer.status_code == 308, answer.text
        assert answer.headers["Location"].replace("%3A", ":") == path
        assert "X-Injected" not in answer.headers


def test_unknown_paths_and_methods_are_told_apart(shop: Shop) -> None:
    assert problem(shop.public("GET", "/no/such/path")) == (404, "not-found")
    assert problem(shop.public("GET", "/")) == (404, "not-found")
    wrong = shop.public("DELETE", "/orders")
    assert problem(wrong) == (405, "method-not-allowed")
    assert wrong.headers["Allow"] == "GET, OPTIONS, POST"
    assert problem(shop.public("PUT", "/orders/")) == (405, "method-not-allowed")


def test_public_routes_need_no_token(shop: Shop) -> None:
    assert shop.public.get("/health") == {"status": "ok"}
    first = shop.public.get("/products?limit=1")["products"][0]
    assert shop.public.get(f"/products/{first['sku'].lower()}") == first


def test_a_body_is_json_of_the_form_that_is_asked_for(shop: Shop, customer: Person) -> None:
    text = customer("POST", "/orders", headers={"Content-Type": "text/plain"}, key="k")
    assert problem(text) == (415, "media-type")
    empty = customer("POST", "/orders", headers={"Content-Type": "application/json"}, key="k")
    assert problem(empty) == (400, "invalid-input")
    more = customer("POST", "/orders", {"lines": [{"sku": "A", "quantity": 1, "unit_price_minor": 1}]}, key="k")
    assert problem(more) == (400, "invalid-input")
    assert [one["field"] for one in more.json()["errors"]] == ["lines[0].unit_price_minor"]
    large = customer("POST", "/orders", {"lines": "x" * 1_000_000}, key="k")
    assert problem(large) == (413, "too-large")


def test_the_id_of_an_answer_is_on_every_line_that_was_written_for_it(shop: Shop, customer: Person) -> None:
    """On those of the authorizer too."""
    sku = shop.product(stock=1)
    written = len(Path(shop.info.log).read_text().splitlines())
    answers = [
        customer("GET", "/item/none"),
        customer.order((sku, 1)),
        customer("GET", "/inventory"),
        shop.public("POST", "/user/login", {"username": "nobody", "password": "Wrong-password-1"}),
        shop.public("GET", "/no/such/path"),
    ]
    forbidden = Http(shop.info.url, "x.y.z")("GET", "/user/me")
    ids = {answer.headers["X-Request-Id"] for answer in answers} | {forbidden.headers["apigw-requestid"]}
    functions = ("GetItem", "CreateOrder", "ListInventory", "LoginUser", "NotFound", "Authorizer")
    names = {logged_as(one) for one in functions}

    def lines() -> list[str]:
        entries = map(json.loads, Path(shop.info.log).read_text().splitlines()[written:])
        own = [one["line"] for one in entries if one["function"] in names]
        return [line for line in own if not line.startswith(PLATFORM)]

    eventually(lambda: all(any(one in line for line in lines()) for one in ids), why=lambda: (ids, lines()))
    assert {json.loads(line)["correlation_id"] for line in lines()} == ids


ORIGIN = "http://127.0.0.1:5173"


def test_a_browser_may_ask_without_a_token_what_a_page_may_send(shop: Shop) -> None:
    wants = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    answer = shop.public("OPTIONS", "/orders", headers={"Origin": ORIGIN, **wants})

    assert (answer.status_code, answer.content, answer.headers["Allow"]) == (204, b"", "GET, OPTIONS, POST")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"].split(",")
    assert {"authorization", "idempotency-key"} <= set(answer.headers["Access-Control-Allow-Headers"].split(","))
    assert answer.headers["Access-Control-Max-Age"] == "600"


def test_a_page_may_read_answers_and_refusals_and_their_headers(shop: Shop, customer: Person) -> None:
    for caller, status in ((customer, 200), (shop.public, 401)):
        answer = caller("GET", "/orders", headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)
        assert {"etag", "location", "x-request-id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(","))


def test_a_page_from_elsewhere_may_read_nothing(shop: Shop, customer: Person) -> None:
    for method in ("GET", "OPTIONS"):
        wants = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        answer = customer(method, "/orders", headers=wants)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_the_api_describes_itself_to_anybody(shop: Shop) -> None:
    document = shop.public.get("/openapi.json")
    page = shop.public("GET", "/docs")

    assert set(document["paths"]) == {path for _, path, _ in ROUTES}
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Content-Security-Policy" in page.headers

"""A load balancer may send requests to functions directly: an order, from its customer's registration to its shipping.

The load balancer is played here (Lambda Developer Guide, "Process Application Load Balancer requests with Lambda"), the
rest is the running stack. No authorizer stands in front, so that functions verify tokens themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from handlers.http.routes import ROUTES, pattern
from tests.e2e.clone import Clone
from tests.e2e.running import folder_for_all, running
from tests.e2e.shop import Shop, problem
from tests.template import functions

pytestmark = pytest.mark.xdist_group("e2e-load-balancer")

TARGET_GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/functions/1"


@pytest.fixture(scope="module")
def stack() -> Iterator[Shop]:
    """Run a stack whose functions verify tokens themselves, with what the authorizer is told for it."""
    with folder_for_all() as folder:
        clone = Clone(folder)
        text = clone.template.read_text()
        told = text.partition("          TOKEN_ISSUER:")[2].partition("          STAGE:")[0]
        variables = f"TOKENS_VERIFIED_BY: handler\n        STAGE: !Ref Stage\n          TOKEN_ISSUER:{told}"
        clone.change("TOKENS_VERIFIED_BY: gateway", variables.replace("\n          ", "\n        ").rstrip())
        with running(*clone.options, recorded=False) as up:
            yield Shop(up.state.read())


@pytest.fixture(scope="module", params=["one value", "many values"])
def behind(request: pytest.FixtureRequest, stack: Shop) -> Iterator[Shop]:
    """Return the shop behind a load balancer, whose target group hands over headers with one value or with many."""

    class Balancer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        many = request.param == "many values"

        def balance(self) -> None:
            """Invoke the function of the first rule that fits, and answer what it does."""
            answer = json.loads(stack.invoke(target(self.command, self.path), json.dumps(event(self)).encode()))
            headers = answer["multiValueHeaders" if self.many else "headers"]
            assert answer["statusDescription"].startswith(str(answer["statusCode"]))
            self.send_response(answer["statusCode"])
            for name, values in headers.items():
                for value in values if self.many else [values]:
                    self.send_header(name, value)
            body = answer["body"].encode()
            if answer["statusCode"] != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = balance  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Balancer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Shop(replace(stack.info, url=f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
        thread.join()


def target(method: str, url: str) -> str:
    """Return the function that a listener's rules send a request to, the last of them whatever is left."""
    path = urlsplit(url).path
    module = next((name for own, form, name in ROUTES if own == method and pattern(form).fullmatch(path)), "not_found")
    return next(name for name, one in functions().items() if one["Handler"] == f"handlers.{module}.handler")


def event(request: Any) -> dict[str, Any]:
    """Return the event of a request, as a load balancer makes it: path and query as they came."""
    where = urlsplit(request.path)
    size = int(request.headers.get("content-length") or 0)
    pairs = [one.partition("=")[::2] for one in where.query.split("&") if one]
    headers = {name.lower(): value for name, value in request.headers.items()} | {
        "x-forwarded-for": ", ".join([*request.headers.get_all("x-forwarded-for", ()), request.client_address[0]]),
        "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    }
    many = {
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": {name: [value for key, value in pairs if key == name] for name, _ in pairs},
    }
    return {
        "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
        "httpMethod": request.command,
        "path": where.path,
        **(many if request.many else {"headers": headers, "queryStringParameters": dict(pairs)}),
        "body": request.rfile.read(size).decode(),
        "isBase64Encoded": False,
    }


def test_an_order_goes_its_way(behind: Shop) -> None:
    sku, customer = behind.product(stock=5), behind.customer()

    order = customer.sees(customer.ordered((sku, 2)), "FULFILLED")

    assert order["lines"] == [{"sku": sku, "quantity": 2, "unit_price_minor": 250}]
    assert behind.settled()
    assert behind.stock(sku) == (3, 0)
    assert len(behind.public.get("/products?limit=2")["products"]) == 2


def test_nobody_comes_in_without_a_good_token(behind: Shop) -> None:
    customer = behind.customer()

    assert problem(behind.public("GET", "/orders")) == (401, "unauthenticated")
    assert problem(replace(customer, token="e30.e30.e30")("GET", "/orders")) == (401, "unauthenticated")
    assert problem(customer("GET", "/inventory")) == (403, "forbidden")
    assert problem(behind.public("GET", "/nowhere")) == (404, "not-found")

"""What a function is told of a request, and what a client gets of its answer."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model
from multidict import CIMultiDict

from local.model import Invocation
from tests.local.http_front import OK, Functions, Start, answer, error, gateways, message


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def start(functions: Functions) -> AsyncIterator[Start]:
    async with gateways(functions) as start:
        yield start


async def test_the_event_has_the_shape_of_payload_format_2(start: Start, functions: Functions) -> None:
    api = await start("POST /orders/{id}/cancel", account="123456789012", api_id="abc", stage="dev")
    before = time.time()
    response = await api.send(
        "POST /orders/o%201/cancel?a=1&b=x+y&a=2&c",
        headers={"User-Agent": "shop/1", "Content-Type": "application/json", "Host": "api.shop.test:443"},
        data='{"ö": 1}'.encode(),
    )
    event = functions.event
    context, headers = event.pop("requestContext"), event.pop("headers")
    assert event == {
        "version": "2.0",
        "routeKey": "POST /orders/{id}/cancel",
        "rawPath": "/orders/o 1/cancel",
        "rawQueryString": "a=1&b=x+y&a=2&c",
        "queryStringParameters": {"a": "1,2", "b": "x y", "c": ""},
        "pathParameters": {"id": "o 1"},
        "body": '{"ö": 1}',
        "isBase64Encoded": False,
    }
    assert headers.pop("x-amzn-trace-id").startswith("Root=1-")
    assert headers == {
        "accept": "*/*",
        "accept-encoding": headers["accept-encoding"],
        "content-length": "9",
        "content-type": "application/json",
        "host": "api.shop.test:443",
        "user-agent": "shop/1",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": str(api.port),
        "x-forwarded-proto": "http",
    }
    assert before - 1 <= context["timeEpoch"] / 1000 <= time.time()
    told = datetime.strptime(context.pop("time"), "%d/%b/%Y:%H:%M:%S %z")
    assert told.timestamp() == context.pop("timeEpoch") // 1000
    assert context == {
        "accountId": "123456789012",
        "apiId": "abc",
        "domainName": "api.shop.test",
        "domainPrefix": "api",
        "http": {
            "method": "POST",
            "path": "/orders/o 1/cancel",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "shop/1",
        },
        "requestId": response.headers["apigw-requestid"],
        "routeKey": "POST /orders/{id}/cancel",
        "stage": "dev",
    }


async def test_what_a_request_does_not_have_is_absent(start: Start, functions: Functions) -> None:
    api = await start("GET /")
    await api.send("GET /")
    assert functions.event.keys() == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert functions.event["rawQueryString"] == ""
    assert functions.event["headers"]["content-length"] == "0"
    assert "authorizer" not in functions.event["requestContext"]


async def test_powertools_understands_the_event(start: Start, functions: Functions) -> None:
    api = await start("POST /{sku}")
    await api.send("POST /A%201?q=1", json={"n": 1}, headers={"Cookie": "a=1; b=2"})
    model = APIGatewayProxyEventV2Model.model_validate(functions.event)
    assert (model.body, model.pathParameters, model.cookies) == ('{"n": 1}', {"sku": "A 1"}, ["a=1", "b=2"])
    event = APIGatewayProxyEventV2(functions.event)
    assert (event.path, event.http_method, event.json_body) == ("/A 1", "POST", {"n": 1})
    assert event.query_string_parameters == {"q": "1"}
    assert re.fullmatch(r"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000", event.request_context.time)


async def test_repeated_headers_are_joined_and_cookies_stand_apart(start: Start, functions: Functions) -> None:
    api = await start("GET /")
    sent = CIMultiDict([("X-Tag", "a"), ("X-Tag", "b"), ("Cookie", "a=1; b=2"), ("Cookie", "c=3"), ("X-Name", "é")])
    await api.send("GET /", headers=sent)
    assert functions.event["headers"]["x-tag"] == "a,b"
    assert functions.event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in functions.event["headers"]
    json.dumps(functions.event).encode()


async def test_forwarded_addresses_are_a_chain_and_a_trace_goes_on(start: Start, functions: Functions) -> None:
    api = await start("GET /")
    trace = "Root=1-5e6722a7-cc56d2a1b2c3d4e5f6a7b8c9"
    await api.send("GET /", headers={"X-Forwarded-For": "203.0.113.7", "X-Amzn-Trace-Id": trace})
    headers = functions.event["headers"]
    assert headers["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert headers["x-amzn-trace-id"] == trace
    assert functions.event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "text/csv", "application/xml", "application/javascript"],
)
async def test_text_arrives_as_text(start: Start, functions: Functions, content_type: str) -> None:
    api = await start("POST /")
    await api.send("POST /", data="ü".encode(), headers={"Content-Type": content_type})
    assert (functions.event["body"], functions.event["isBase64Encoded"]) == ("ü", False)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/vnd.api+json", b"{}"),
        ("image/png", b"\x89PNG"),
        ("text/plain", b"\xff\xfe"),
        (None, b"hello"),
    ],
)
async def test_all_else_arrives_as_base64(
    start: Start, functions: Functions, content_type: str | None, body: bytes
) -> None:
    api = await start("POST /")
    headers = {"Content-Type": content_type} if content_type else {}
    await api.send("POST /", data=body, headers=headers, skip_auto_headers=["Content-Type"])
    assert functions.event["isBase64Encoded"] is True
    assert base64.b64decode(functions.event["body"]) == body
    assert APIGatewayProxyEventV2(functions.event).is_base64_encoded


async def test_a_compressed_body_is_not_touched(start: Start, functions: Functions) -> None:
    api = await start("POST /")
    body = b"\x1f\x8b no gzip at all"
    await api.send("POST /", data=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
    assert base64.b64decode(functions.event["body"]) == body


async def test_a_chunked_body_arrives_whole_with_its_length(start: Start, functions: Functions) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    api = await start("POST /")
    await api.send("POST /", data=chunks(), headers={"Content-Type": "text/plain"})
    assert functions.event["body"] == "one two"
    assert functions.event["headers"]["content-length"] == "7"
    assert "transfer-encoding" not in functions.event["headers"]


async def test_a_client_that_waits_for_100_continue_is_served(start: Start, functions: Functions) -> None:
    api = await start("POST /")
    response = await api.send("POST /", data=b"x", expect100=True, headers={"Content-Type": "text/plain"})
    assert (response.status, functions.event["body"]) == (200, "x")
    assert "expect" not in functions.event["headers"]


async def test_a_full_answer_becomes_the_response(start: Start, functions: Functions) -> None:
    functions.answers["GET /"] = answer(
        statusCode=201,
        headers={"Content-Type": "text/html", "X-Count": 3, "X-Flag": True, "Content-Length": "999", "Connection": "x"},
        cookies=["a=1; HttpOnly", "b=2"],
        multiValueHeaders={"X-Ignored": ["in 2.0"]},
        body="<p>é</p>",
        isBase64Encoded=False,
    )
    response = await (await start("GET /")).send("GET /")
    assert (response.status, response.headers["content-type"], response.body.decode()) == (201, "text/html", "<p>é</p>")
    assert response.headers.getall("set-cookie") == ["a=1; HttpOnly", "b=2"]
    assert (response.headers["x-count"], response.headers["x-flag"]) == ("3", "true")
    assert response.headers["content-length"] == "9"
    assert "x-ignored" not in response.headers
    assert len(response.headers["apigw-requestid"]) == 16


async def test_a_base64_body_is_sent_as_bytes(start: Start, functions: Functions) -> None:
    functions.answers["GET /"] = answer(
        statusCode=200, body=base64.b64encode(b"\x00\xff").decode(), isBase64Encoded=True
    )
    assert (await (await start("GET /")).send("GET /")).body == b"\x00\xff"


async def test_a_body_without_a_content_type_is_plain_text(start: Start) -> None:
    response = await (await start("GET /")).send("GET /")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("payload", "body"),
    [(b'{"id":  1}', '{"id":  1}'), (b"[1]", "[1]"), (b'"hello"', "hello"), (b"null", "null"), (b"", "null")],
)
async def test_an_answer_without_status_code_is_the_body(
    start: Start, functions: Functions, payload: bytes, body: str
) -> None:
    functions.answers["GET /"] = Invocation(payload)
    response = await (await start("GET /")).send("GET /")
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.body.decode() == body


async def test_a_204_and_a_head_response_have_no_body(start: Start, functions: Functions) -> None:
    functions.answers["DELETE /"] = answer(statusCode=204, body="ignored")
    functions.answers["HEAD /"] = answer(statusCode=200, body="hello")
    api = await start("DELETE /", "HEAD /")
    gone, head = await api.send("DELETE /"), await api.send("HEAD /")
    assert (gone.status, gone.body) == (204, b"")
    assert (head.status, head.headers["content-length"], head.body) == (200, "5", b"")


@pytest.mark.parametrize(
    "payload",
    [
        b"{not json",
        b'{"statusCode": "200"}',
        b'{"statusCode": 200.5}',
        b'{"statusCode": true}',
        b'{"statusCode": null}',
        b'{"statusCode": 0}',
        b'{"statusCode": 1000}',
        b'{"statusCode": 200, "body": {"id": 1}}',
        b'{"statusCode": 200, "body": "?", "isBase64Encoded": true}',
        b'{"statusCode": 200, "headers": []}',
        b'{"statusCode": 200, "headers": ["x"]}',
        b'{"statusCode": 200, "headers": {"x": ["y"]}}',
        b'{"statusCode": 200, "headers": {"x": "a\\r\\nset-cookie: b"}}',
        b'{"statusCode": 200, "headers": {"a b": "c"}}',
        b'{"statusCode": 200, "cookies": "a=1"}',
        b'{"statusCode": 200, "cookies": [1, null]}',
    ],
)
async def test_a_malformed_answer_is_a_500_and_said(start: Start, functions: Functions, payload: bytes) -> None:
    functions.answers["GET /"] = Invocation(payload)
    api = await start("GET /")
    assert message(await api.send("GET /")) == (500, "Internal Server Error")
    assert "GET / got 500: the answer of GET / is malformed" in api.said[0]


@pytest.mark.parametrize("failed", [error("KeyError"), Invocation(b"dead", "Unhandled")])
async def test_a_function_error_is_a_500_and_tells_the_client_nothing(
    start: Start, functions: Functions, failed: Invocation
) -> None:
    functions.answers["GET /"] = failed
    api = await start("GET /")
    assert message(await api.send("GET /")) == (500, "Internal Server Error")
    assert "GET / failed: " in api.said[0]


async def test_a_function_that_timed_out_is_a_503(start: Start, functions: Functions) -> None:
    functions.answers["GET /"] = error("Sandbox.Timedout")
    assert message(await (await start("GET /")).send("GET /")) == (503, "Service Unavailable")


async def test_the_gateway_waits_no_longer_than_its_timeout_but_the_function_runs_on(
    start: Start, functions: Functions
) -> None:
    go_on, finished = asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> Invocation:
        await go_on.wait()
        finished.set()
        return OK

    functions.answers["GET /"] = slow
    api = await start("GET /", timeout=0.05)
    assert message(await api.send("GET /")) == (503, "Service Unavailable")
    assert "longer than 0.05 seconds" in api.said[0]
    go_on.set()
    async with asyncio.timeout(5):
        await finished.wait()


@pytest.mark.parametrize("failure", [RuntimeError("no sandbox"), ConnectionResetError("no sandbox")])
async def test_what_goes_wrong_inside_is_a_500_and_said(start: Start, functions: Functions, failure: Exception) -> None:
    async def broken(_: Any) -> Invocation:
        raise failure

    functions.answers["GET /"] = broken
    api = await start("GET /")
    assert message(await api.send("GET /")) == (500, "Internal Server Error")
    assert api.said == [f"GET / got 500: {type(failure).__name__}: no sandbox"]

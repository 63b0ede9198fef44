"""Which function the HTTP front calls, when it refuses, and how it behaves as a server."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model

from local.gateway.server import Gateway
from local.model import Invocation, Route
from tests.local.http_front import OK, Functions, Start, gateways, message


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def start(functions: Functions) -> AsyncIterator[Start]:
    async with gateways(functions) as start:
        yield start


@pytest.mark.parametrize(
    ("request_line", "taken_by"),
    [
        ("GET /pets/dog/1", "GET /pets/dog/1"),
        ("GET /pets/dog/2", "GET /pets/dog/{id}"),
        ("POST /pets/dog/2", "ANY /pets/dog/{id}"),
        ("GET /pets/cat/1", "GET /pets/{proxy+}"),
        ("GET /pets/dog/2/", "GET /pets/{proxy+}"),
        ("GET /pets/dog/2/toys", "ANY /pets/{kind}/{id}/toys"),
        ("POST /pets/dog/1", "ANY /pets/dog/{id}"),
        ("PUT /pets", "ANY /{proxy+}"),
        ("PURGE /anything/at/all", "ANY /{proxy+}"),
        ("GET /", "$default"),
    ],
)
async def test_the_most_specific_path_wins_then_the_exact_method(
    start: Start, functions: Functions, request_line: str, taken_by: str
) -> None:
    api = await start(
        Route("ANY", "$default", "$default"),
        "ANY /{proxy+}",
        "GET /pets/{proxy+}",
        "ANY /pets/{kind}/{id}/toys",
        "ANY /pets/dog/{id}",
        "GET /pets/dog/{id}",
        "GET /pets/dog/1",
    )
    assert (await api.send(request_line)).status == 200
    assert functions.names == [taken_by]
    assert functions.event["routeKey"] == functions.event["requestContext"]["routeKey"] == taken_by


async def test_a_slash_at_the_end_makes_another_path(start: Start, functions: Functions) -> None:
    api = await start("GET /a", "GET /b", "GET /b/", "GET /c/{id}/")
    assert message(await api.send("GET /a/")) == (404, "Not Found")
    assert message(await api.send("GET /c/1")) == (404, "Not Found")
    for target in ("GET /b", "GET /b/", "GET /c/1/"):
        assert (await api.send(target)).status == 200
    assert functions.names == ["GET /b", "GET /b/", "GET /c/{id}/"]
    assert functions.event["rawPath"] == "/c/1/"


@pytest.mark.parametrize("target", ["GET /nowhere", "POST /a", "GET /", "GET //a", "GET /a%0Ab"])
async def test_what_no_route_takes_is_not_found(start: Start, functions: Functions, target: str) -> None:
    api = await start("GET /a")
    assert message(await api.send(target)) == (404, "Not Found")
    assert functions.calls == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods_pass_as_they_are(start: Start, functions: Functions, method: str) -> None:
    api = await start("ANY /a")
    assert (await api.send(f"{method} /a")).status == 200
    assert functions.event["requestContext"]["http"]["method"] == method
    APIGatewayProxyEventV2Model.model_validate(functions.event)


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("plain", "plain"),
        ("space%20value", "space value"),
        ("question%3Fvalue", "question"),
        ("hash%23value", "hash#value"),
        ("slash%2Fvalue", "slash/value"),
        ("unicode-%CE%BB-%E4%B8%96%E7%95%8C", "unicode-λ-世界"),
        ("literal%252Fvalue", "literal/value"),
        ("literal%253Fvalue", "literal?value"),
        ("literal%2525value", "literal%value"),
        ("plus+value", "plus+value"),
    ],
)
async def test_raw_path_and_path_parameters_are_decoded_as_aws_does(
    start: Start, functions: Functions, sent: str, arrives: str
) -> None:
    """Every case was captured from a live HTTP API."""
    api = await start("GET /capture/{rest+}")
    assert (await api.send(f"GET /capture/{sent}?x=%2F")).status == 200
    assert functions.event["rawPath"] == f"/capture/{arrives}"
    assert functions.event["requestContext"]["http"]["path"] == f"/capture/{arrives}"
    assert functions.event["pathParameters"] == {"rest": arrives}
    assert functions.event["rawQueryString"] == "x=%2F"


async def test_an_escaped_slash_is_no_part_of_a_path_variable(start: Start) -> None:
    api = await start("GET /items/{id}")
    assert message(await api.send("GET /items/a%2Fb")) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/items/percent%25done", "/items/%zz", "/items/%"])
async def test_a_percent_sign_that_escapes_nothing_is_a_bad_request(start: Start, path: str) -> None:
    api = await start("GET /items/{id}")
    assert message(await api.send(f"GET {path}")) == (400, "Bad Request")


async def test_ten_megabytes_of_body_are_too_large_and_not_read(start: Start, functions: Functions) -> None:
    api = await start("POST /")
    reader, _ = await api.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    assert functions.calls == []


async def test_a_chunked_body_is_cut_at_ten_megabytes(start: Start, functions: Functions) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield bytes(1024 * 1024)

    response = await (await start("POST /")).send("POST /", data=chunks())
    assert message(response) == (413, "Request Entity Too Large")
    assert functions.calls == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("image/png", bytes(4_700_000), 200),
        ("image/png", bytes(4_800_000), 413),
        ("text/plain", b"a" * 6_200_000, 200),
        ("text/plain", b"a" * 6_300_000, 413),
        ("text/plain", b"\n" * 3_200_000, 413),
    ],
)
async def test_an_event_that_lambda_would_not_take_is_too_large(
    start: Start, functions: Functions, content_type: str, body: bytes, status: int
) -> None:
    response = await (await start("POST /")).send(
        "POST /", data=io.BytesIO(body), headers={"Content-Type": content_type}
    )
    assert response.status == status
    assert len(functions.calls) == (status == 200)


@pytest.mark.parametrize("extra", [{"a": "x" * 10_241}, {f"h{n}": "x" * 100 for n in range(103)}])
async def test_long_headers_are_refused(start: Start, functions: Functions, extra: dict[str, str]) -> None:
    api = await start("GET /")
    response = await api.send("GET /", headers=extra)
    assert message(response) == (431, "Request Header Fields Too Large")
    assert (await api.send("GET /", headers={"a": "x" * 9_900})).status == 200
    assert (await api.send("GET /?" + "q" * 10_300)).status == 431
    assert len(functions.calls) == 1


async def test_a_busy_port_is_an_os_error_and_another_start_works(functions: Functions) -> None:
    gateway = Gateway([Route("GET", "/", "F")], None, invoke=functions, say=print)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match=r"\[Errno 98\]|[Aa]ddress.*in use"):
            await gateway.start("127.0.0.1", taken.getsockname()[1])
        await gateway.stop()
    assert await gateway.start("127.0.0.1", 0) > 0
    await gateway.stop()


async def test_stop_ends_what_runs_and_frees_the_port(functions: Functions) -> None:
    running, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(_: Any) -> Invocation:
        running.set()
        try:
            return await asyncio.Event().wait() and OK
        finally:
            cancelled.set()

    functions.answers["F"] = endless
    gateway = Gateway([Route("GET", "/", "F")], None, invoke=functions, say=print, timeout=0.05)
    port = await gateway.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as response:
        assert response.status == 503
    assert running.is_set()
    await gateway.stop()
    assert cancelled.is_set()
    with socket.create_server(("127.0.0.1", port)):
        pass
    await gateway.stop()


async def test_a_client_that_goes_away_breaks_nothing(
    start: Start, functions: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    running, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> Invocation:
        running.set()
        await go_on.wait()
        finished.set()
        return OK

    functions.answers["GET /slow"] = slow
    api = await start("GET /slow", "POST /", "GET /")
    _, waiting = await api.raw(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        await running.wait()
    waiting.transport.abort()
    reader, half = await api.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
    async with asyncio.timeout(5):
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    half.write(b"half")
    half.close()
    await half.wait_closed()
    go_on.set()
    async with asyncio.timeout(5):
        await finished.wait()
    assert (await api.send("GET /")).status == 200
    assert functions.names == ["GET /slow", "GET /"]
    assert (api.said, caplog.text) == ([], "")


async def test_a_chunked_body_that_is_none_is_a_bad_request(start: Start, functions: Functions) -> None:
    api = await start("POST /")
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await api.raw(head)
    writer.write(b"no length\r\n")
    async with asyncio.timeout(5):
        assert (await reader.readline()).endswith(b" 400 Bad Request\r\n")
    assert functions.calls == []


async def test_a_client_without_host_or_with_an_absolute_target_is_served(start: Start, functions: Functions) -> None:
    api = await start("GET /a")
    for data in (
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET http://shop.test/a?x=1 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n",
    ):
        reader, _ = await api.raw(data)
        assert (await reader.read()).split(b" ")[1] == b"200"
        assert functions.event["rawPath"] == "/a"
    assert functions.event["rawQueryString"] == "x=1"

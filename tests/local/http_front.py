"""What tests of the HTTP front share: a gateway that runs, functions that answer, a client that says what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from local.gateway.server import Gateway
from local.model import Authorizer, Cors, Invocation, Route

OK = Invocation(b'{"statusCode": 200, "body": "ok"}')
JWT = Authorizer("Jwt", "AuthorizerFunction", ttl=60)
ALLOWED = Invocation(b'{"isAuthorized": true, "context": {"sub": "ada", "level": 3, "tags": ["a"]}}')
DENIED = Invocation(b'{"isAuthorized": false}')
TOKEN = {"authorization": "Bearer t1"}
GUARDED = Route("GET", "/orders/{id}", "OrdersFunction", JWT)


def error(kind: str) -> Invocation:
    return Invocation(json.dumps({"errorType": kind, "errorMessage": "…"}).encode(), "Unhandled")


def answer(**fields: Any) -> Invocation:
    return Invocation(json.dumps(fields).encode())


class Functions:
    """A fake of the function runner: answers by name, remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, Invocation | Callable[[Any], Awaitable[Invocation]]] = {}

    async def __call__(self, name: str, event: Any) -> Invocation:
        self.calls.append((name, event))
        answer = self.answers.get(name, OK)
        return answer if isinstance(answer, Invocation) else await answer(event)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    @property
    def event(self) -> dict[str, Any]:
        return self.calls[-1][1]


class Got(NamedTuple):
    """What the client received."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Api:
    """A running gateway and a client for it."""

    def __init__(self, port: int, session: aiohttp.ClientSession, said: list[str]) -> None:
        self.port = port
        self.session = session
        self.said = said
        self.connections: list[asyncio.StreamWriter] = []

    async def send(self, target: str, **options: Any) -> Got:
        """Send `METHOD /path` as it stands: nothing is encoded or normalised."""
        method, _, path = target.partition(" ")
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self.session.request(method, url, **options) as response:
            return Got(response.status, response.headers, await response.read())

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.connections.append(writer)
        writer.write(data)
        return reader, writer

    async def close(self) -> None:
        for writer in self.connections:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self.connections), return_exceptions=True)


Start = Callable[..., Awaitable[Api]]


@asynccontextmanager
async def gateways(functions: Functions) -> AsyncIterator[Start]:
    """Give what starts a gateway with routes like "GET /orders" (also its function's name) or a Route."""
    async with AsyncExitStack() as stack:

        async def start(*routes: str | Route, cors: Cors | None = None, **options: Any) -> Api:
            said: list[str] = []
            known = [r if isinstance(r, Route) else Route(*r.split(" "), function=r) for r in routes]
            gateway = Gateway(known, cors, invoke=functions, say=said.append, **options)
            port = await gateway.start("127.0.0.1", 0)
            stack.push_async_callback(gateway.stop)
            session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
            api = Api(port, session, said)
            stack.push_async_callback(api.close)
            return api

        yield start


def message(response: Got) -> tuple[int, str]:
    """Return status and message of what the gateway answered by itself, spelt as API Gateway spells it."""
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["apigw-requestid"]
    text = json.loads(response.body)["message"]
    assert response.body == b'{"message":"%s"}' % text.encode()
    return response.status, text

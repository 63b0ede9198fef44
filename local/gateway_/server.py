"""The HTTP front of the local cloud: an imitation of an API Gateway HTTP API (payload format 2.0)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from local.authorizing import Authorizers
from local.cors import apply_cors, is_preflight
from local.http_answer import BadAnswerError, RefusalError, function_response
from local.http_event import Api, new_request_id, request_event
from local.listening import port_of, serve
from local.model import Cors, Invocation, Invoke, Route
from local.routing import BadPathError, Match, Router, decode_path

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a request's body ("Quotas for configuring and running an HTTP API", Payload size)."""

HEAD_LIMIT = 10_240
"""Bytes of the request line and all header values (the same page)."""

EVENT_LIMIT = 6 * 1024 * 1024
"""Bytes of the JSON that Lambda takes ("Lambda quotas", invocation payload)."""

_WORST_ESCAPE = 6
_ROOM_FOR_HEAD = 256 * 1024


class Gateway:
    """One HTTP API on one port.

    `invoke` runs functions; `say` tells the developer in one line about each 5xx that no function chose.
    `timeout` (seconds) ends the wait for a function, not the function. A named `stage` appears in events and
    ARNs but not in paths, as behind a custom domain.

    A preflight goes, as on AWS, to the route that takes OPTIONS on its path (OPTIONS, ANY or `$default`) and
    through its authorizer. Where there is none the gateway answers by itself: 204.
    """

    def __init__(  # noqa: PLR0913 - an API has that many facts
        self,
        routes: Sequence[Route],
        cors: Cors | None,
        *,
        invoke: Invoke,
        say: Callable[[str], None],
        stage: str = "$default",
        account: str = "000000000000",
        api_id: str = "local",
        region: str = "us-east-1",
        timeout: float = 30.0,
    ) -> None:
        self._router = Router(routes)
        self._cors = cors
        self._invoke = invoke
        self._say = say
        self._api = Api(account, api_id, stage, region)
        self._timeout = timeout
        self._authorizers = Authorizers(self._call)
        self._calls: set[asyncio.Future[Invocation]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen on `host`:`port` (0: any free port) and return the port; raise OSError if it is taken."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/{path:(?s:.*)}", self._handle)
        self._runner = await serve(app, host, port)
        return port_of(self._runner)

    async def stop(self) -> None:
        """Stop listening; give requests under way 2 seconds, then give up what still runs."""
        if self._runner:
            await self._runner.cleanup()
        await self._authorizers.close()
        for call in (calls := list(self._calls)):
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        request_id = new_request_id()
        try:
            response = await self._answer(request, request_id)
        except RefusalError as refusal:
            response = self._refuse(request, refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the developer is told
            response = self._refuse(request, RefusalError(500, f"{type(error).__name__}: {error}"))
        response.headers["apigw-requestid"] = request_id
        if self._cors:
            apply_cors(self._cors, request, response)
        return response

    def _refuse(self, request: web.Request, refusal: RefusalError) -> web.Response:
        if refusal.reason:
            self._say(f"{request.method} {request.path} got {refusal.status}: {refusal.reason}")
        return refusal.response()

    async def _answer(self, request: web.Request, request_id: str) -> web.StreamResponse:
        _check_head(request)
        path, query = _target(request)
        match = self._router.match(request.method, path)
        if match is None:
            return self._without_route(request)
        body = await _read(request)
        event = request_event(self._api, request, match=match, path=path, query=query, body=body, request_id=request_id)
        _check_size(event, len(body))
        await self._authorize(match, event)
        return await self._integrate(match.route.function, event)

    def _without_route(self, request: web.Request) -> web.Response:
        if self._cors and is_preflight(request):
            return web.Response(status=204)
        raise RefusalError(404)

    async def _authorize(self, match: Match, event: dict[str, Any]) -> None:
        if authorizer := match.route.authorizer:
            http = event["requestContext"]["http"]
            arn = self._api.route_arn(http["method"], http["path"])
            context = await self._authorizers.admit(authorizer, event, arn)
            event["requestContext"]["authorizer"] = {"lambda": context}

    async def _integrate(self, function: str, event: Any) -> web.Response:
        try:
            invocation = await self._call(function, event)
        except TimeoutError as error:
            raise RefusalError(503, str(error)) from error
        if invocation.error:
            raise _failure(function, invocation)
        try:
            return function_response(invocation.payload)
        except BadAnswerError as error:
            raise RefusalError(500, f"the answer of {function} is malformed: {error}") from error

    async def _call(self, function: str, event: Any) -> Invocation:
        """Invoke; raise TimeoutError after the timeout, whereupon the function runs on unwatched, as on AWS."""
        call = asyncio.ensure_future(self._invoke(function, event))
        self._calls.add(call)
        call.add_done_callback(self._forget)
        done, _ = await asyncio.wait({call}, timeout=self._timeout)
        if not done:
            raise TimeoutError(f"{function} took longer than {self._timeout:g} seconds")
        return call.result()

    def _forget(self, call: asyncio.Future[Invocation]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()


def _check_head(request: web.Request) -> None:
    size = len(request.method) + len(request.raw_path) + len(" HTTP/1.1")
    if size + sum(len(value) for _, value in request.raw_headers) > HEAD_LIMIT:
        raise RefusalError(431)


def _target(request: web.Request) -> tuple[str, str]:
    raw = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
    path, _, query = raw.partition("?")
    try:
        return decode_path(path), query.partition("#")[0]
    except BadPathError:
        raise RefusalError(400) from None


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > BODY_LIMIT:
        raise RefusalError(413)
    try:
        return await request.read() if request.can_read_body else b""
    except web.HTTPRequestEntityTooLarge:
        raise RefusalError(413) from None
    except (ConnectionError, web.RequestPayloadError):  # the client went away or sends nonsense
        raise RefusalError(400) from None


def _check_size(event: Mapping[str, Any], body: int) -> None:
    """Weigh the event as JSON, but only if its body could make it too heavy: few requests pay for that."""
    if body * _WORST_ESCAPE + _ROOM_FOR_HEAD <= EVENT_LIMIT:
        return
    if len(json.dumps(event, ensure_ascii=False).encode()) > EVENT_LIMIT:
        raise RefusalError(413)


def _failure(function: str, invocation: Invocation) -> RefusalError:
    try:
        error = invocation.json()
    except ValueError:
        error = None
    details = error if isinstance(error, dict) else {}
    status = 503 if details.get("errorType") == "Sandbox.Timedout" else 500
    return RefusalError(status, f"{function} failed: {details.get('errorType')}: {details.get('errorMessage')}")

"""The handlers behind an HTTP server: a WSGI application (PEP 3333), one of three services by the variable SERVICE.

A request becomes the event of an HTTP API (payload format 2.0), and is let in by the same authorizer, which is called
here, as API Gateway calls it (TOKENS_VERIFIED_BY=gateway). The reverse proxy (containers/nginx.conf.template), which
alone reaches this, refuses what is too large or too slow, and says in X-Real-IP where a client is.
"""

from __future__ import annotations

import base64
import gc
import importlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

from adapters.tokens.keys import KeysUnavailable
from domain.errors import TradepostError
from handlers.http.cors import cors
from handlers.http.front_door import front_door
from handlers.http.request import Request
from handlers.http.routes import PUBLIC, ROUTES, SERVICES, answers, pattern
from handlers.telemetry import logger
from handlers.wiring import database as wiring

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ALIVE, READY = "/-/alive", "/-/ready"
"""Asked by whoever runs the container; the load balancer passes them on from nobody else."""
HEAD_LIMIT = 10_240
"""Characters of path, query and all header values ("Quotas for configuring and running an HTTP API")."""
SECONDS = 30
"""What handlers may take, as an HTTP API has it ("Quotas for configuring and running an HTTP API")."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass
class Context:
    """What handlers ask of Lambda's context object."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 0
    invoked_function_arn: str = ""
    log_stream_name: str = ""
    _until: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the answer is still waited for."""
        return max(0, int((self._until - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Route:
    """A method and a path of this service, and the handler behind it."""

    method: str
    path: str
    handler: Handler
    is_public: bool

    @classmethod
    def load(cls, method: str, path: str, module: str) -> Route:
        """Return a route with its handler loaded."""
        return cls(method, path, importlib.import_module(f"handlers.{module}").handler, module in PUBLIC)

    @property
    def key(self) -> str:
        """The event's `routeKey`."""
        return f"{self.method} {self.path}".strip()


class Routes:
    """The routes of one service, their handlers loaded."""

    def __init__(self, service: str) -> None:
        routes = [Route.load(*one) for one in ROUTES if answers(service, one[1])]
        self._literal = {(one.method, one.path): one for one in routes if "{" not in one.path}
        self._patterns = [(one.method, pattern(one.path), one) for one in routes if "{" in one.path]
        self._none = Route.load("", "$default", "not_found")

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return what takes a request, and its path's parameters."""
        if found := self._literal.get((method, path)):
            return found, {}
        for own, form, route in self._patterns:
            if own == method and (values := form.fullmatch(path)):
                return route, values.groupdict()
        return self._none, {}


class Service:
    """The application of one service."""

    def __init__(self, name: str) -> None:
        if name not in SERVICES:
            raise RuntimeError(f"SERVICE must be one of {', '.join(SERVICES)}, and is {name or 'empty'}")
        self._name = name
        self._routes = Routes(name)
        self._authorize: Handler = importlib.import_module("handlers.authorizer").handler
        self._unseen = wiring.databases()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        own = {ALIVE: self._alive, READY: self._ready}.get(environ["PATH_INFO"])
        answer = own() if own else self._answer(environ)
        status = HTTPStatus(answer["statusCode"])
        body = answer.get("body", "").encode()
        headers = [(name, str(value)) for name, value in answer["headers"].items()]
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers.append(("content-length", str(len(body))))
        start_response(f"{int(status)} {status.phrase}", headers)
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> dict[str, Any]:
        try:
            path = _path(environ["PATH_INFO"])
        except ValueError:
            return _said(HTTPStatus.BAD_REQUEST, "Bad Request")
        if not answers(self._name, path):
            return _said(HTTPStatus.NOT_FOUND, "Not Found")
        headers = _headers(environ)
        if sum(map(len, (path, environ.get("QUERY_STRING", ""), *headers.values()))) > HEAD_LIMIT:
            return _said(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
        route, parameters = self._routes.match(environ["REQUEST_METHOD"], path)
        event = _event(environ, headers, path, route.key, parameters, environ["wsgi.input"].read())
        context = Context(self._name, event["requestContext"]["requestId"])
        refusal = None if route.is_public else self._refusal(event, context)
        return refusal or route.handler(event, context)

    def _refusal(self, event: dict[str, Any], context: Any) -> dict[str, Any] | None:
        """Ask the authorizer, and put what it says into the event; return the answer to those whom it refuses."""
        headers = {"apigw-requestid": context.aws_request_id, **cors(Request(front_door(event), context))}
        if not event["headers"].get("authorization"):
            return _said(HTTPStatus.UNAUTHORIZED, "Unauthorized", headers)
        try:
            verdict = self._authorize(event, context)
        except KeysUnavailable:
            return _said(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error", headers)
        if not verdict["isAuthorized"]:
            return _said(HTTPStatus.FORBIDDEN, "Forbidden", headers)
        event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        return None

    def _alive(self) -> dict[str, Any]:
        return _said(HTTPStatus.OK, "alive")

    def _ready(self) -> dict[str, Any]:
        """Say whether each database has answered once: a task that is told the wrong password takes no requests.

        Who has answered is not asked again: another task would do no better in its outage, and Aurora never paused.
        """
        logger.clear_state()  # of whom this thread answered last
        try:
            for name in [*self._unseen]:
                wiring.database(name).query("SELECT 1")
                self._unseen.discard(name)
        except TradepostError:
            logger.warning("not ready", exc_info=True)
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "not ready")
        return _said(HTTPStatus.OK, "ready")


def _event(
    environ: WSGIEnvironment,
    headers: dict[str, str],
    path: str,
    route: str,
    parameters: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    query = environ.get("QUERY_STRING", "")
    text, encoded = _body(body, headers.get("content-type", ""))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "domainName": headers.get("host", ""),
            "http": {
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "protocol": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": headers.get("x-real-ip") or environ.get("REMOTE_ADDR", ""),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": secrets.token_hex(16),
            "routeKey": route,
            "stage": "$default",
        },
        "isBase64Encoded": encoded,
    }
    if parameters:
        event["pathParameters"] = parameters
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True, errors="replace"))
    if text:
        event["body"] = text
    return event


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    found = {name[5:].replace("_", "-").lower(): _utf8(value) for name, value in environ.items() if name[:5] == "HTTP_"}
    if kind := environ.get("CONTENT_TYPE"):
        found["content-type"] = _utf8(kind)
    return found


def _utf8(text: str) -> str:
    """Return what PEP 3333 hands over as Latin-1."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if content_type.lower().startswith(_TEXT):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), bool(body)


def _path(once: str) -> str:
    """Return the path as an HTTP API routes it, which decodes it twice. Raises ValueError for an escape of nothing."""
    path = _utf8(once).partition("?")[0]
    if "%" not in path:
        return path
    if _BROKEN_ESCAPE.search(path):
        raise ValueError(path)
    return unquote_to_bytes(path).decode("utf-8", "replace")


def _said(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an answer of the front door's own, as API Gateway words its own."""
    own = {"content-type": "application/json", **(headers or {})}
    return {"statusCode": int(status), "headers": own, "body": f'{{"message":"{message}"}}'}


def app() -> Service:
    """Return the application of the service that the variable SERVICE names; servers call it when they start."""
    service = Service(os.environ.get("SERVICE", ""))
    gc.freeze()  # what is loaded by now stays, and need not be looked through again
    return service

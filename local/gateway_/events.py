"""The event a function gets for an HTTP request: payload format 2.0.

Sources: AWS's "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway" and "Control access to HTTP
APIs with AWS Lambda authorizers", and events captured from live HTTP APIs where those pages are silent.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from local.routing import Match

_HOP_BY_HOP = frozenset({"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_NEVER_ABSENT = frozenset({"rawQueryString", "headers", "isBase64Encoded"})
_TEXT = frozenset({"application/json", "application/xml", "application/javascript"})


@dataclass(frozen=True)
class Api:
    """Who the API is in its events and ARNs."""

    account: str
    api_id: str
    stage: str
    region: str

    def route_arn(self, method: str, path: str) -> str:
        """Return the ARN of one request's route, as authorizers get it."""
        return f"arn:aws:execute-api:{self.region}:{self.account}:{self.api_id}/{self.stage}/{method}{path}"


def new_request_id() -> str:
    """Return 16 characters that look like API Gateway's own ("JKJaXmPLvHcESHA=")."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


def request_event(
    api: Api, request: web.Request, *, match: Match, path: str, query: str, body: bytes, request_id: str
) -> dict[str, Any]:
    """Return the event for `request`: `path` is decoded, `query` is not; fields without a value are absent.

    The headers are what came in (lower-case, repeated ones joined by commas, without Cookie and hop-by-hop ones)
    plus what API Gateway adds. X-Forwarded-Port and -Proto tell the truth: this port, and http.
    """
    cookies, headers = _headers(request)
    headers["content-length"] = str(len(body))
    text, encoded = _body(body, headers.get("content-type", ""))
    event = {
        "version": "2.0",
        "routeKey": match.key,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": cookies,
        "headers": headers,
        "queryStringParameters": _joined(parse_qsl(query, keep_blank_values=True, errors="replace")),
        "pathParameters": dict(match.parameters),
        "requestContext": {
            "accountId": api.account,
            "apiId": api.api_id,
            **_domain(headers["host"]),
            "http": _http(request, path, headers),
            "requestId": request_id,
            "routeKey": match.key,
            "stage": api.stage,
            **_now(),
        },
        "body": text,
        "isBase64Encoded": encoded,
    }
    return {name: value for name, value in event.items() if value or name in _NEVER_ABSENT}


def authorizer_event(event: Mapping[str, Any], route_arn: str, identity: Iterable[str]) -> dict[str, Any]:
    """Return what a REQUEST authorizer (payload format 2.0) gets for a request: its event without body."""
    head = {"version": "2.0", "type": "REQUEST", "routeArn": route_arn, "identitySource": list(identity)}
    return head | {name: value for name, value in event.items() if name not in {"body", "isBase64Encoded"}}


def _headers(request: web.Request) -> tuple[list[str], dict[str, str]]:
    cookies: list[str] = []
    pairs: list[tuple[str, str]] = []
    for raw_name, raw_value in request.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        if name == "cookie":
            cookies += [cookie for part in value.split(";") if (cookie := part.strip())]
        elif name not in _HOP_BY_HOP:
            pairs.append((name, value))
    return cookies, _forwarded(_joined(pairs), request)


def _forwarded(headers: dict[str, str], request: web.Request) -> dict[str, str]:
    chain, client = headers.get("x-forwarded-for"), _client(request)
    headers["x-forwarded-for"] = f"{chain}, {client}" if chain else client
    headers["x-forwarded-port"] = str(_own_port(request))
    headers["x-forwarded-proto"] = "http"
    headers.setdefault("host", "localhost")
    headers.setdefault("x-amzn-trace-id", f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}")
    return headers


def _client(request: web.Request) -> str:
    return request.remote or "127.0.0.1"


def _own_port(request: web.Request) -> int:
    address = request.transport.get_extra_info("sockname") if request.transport else None
    return address[1] if address else 0


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _domain(host: str) -> dict[str, str]:
    name, _, port = host.rpartition(":")
    domain = name if name and port.isdigit() else host
    return {"domainName": domain, "domainPrefix": domain.partition(".")[0]}


def _http(request: web.Request, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "method": request.method,
        "path": path,
        "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
        "sourceIp": _client(request),
        "userAgent": headers.get("user-agent", ""),
    }


def _now() -> dict[str, str | int]:
    now = time.time()
    return {
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return text as it is, and all else (as AWS does: forms and bodies without a Content-Type too) in base64."""
    if not body:
        return "", False
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True

"""CORS as an HTTP API does it ("Configure CORS for HTTP APIs in API Gateway")."""

from __future__ import annotations

from aiohttp import web

from local.model import Cors

_OWN_HEADERS = tuple(
    f"access-control-{name}"
    for name in (
        "allow-origin",
        "allow-credentials",
        "allow-headers",
        "allow-methods",
        "expose-headers",
        "max-age",
    )
)


def is_preflight(request: web.Request) -> bool:
    """Tell whether a browser asks in advance: OPTIONS with Origin and Access-Control-Request-Method."""
    return (
        request.method == "OPTIONS"
        and "origin" in request.headers
        and "access-control-request-method" in request.headers
    )


def apply_cors(cors: Cors, request: web.Request, response: web.StreamResponse) -> None:
    """Give `response` the configured CORS headers, and no others: what a function says of CORS is ignored.

    Nothing is added when the request has no Origin, or one that is not allowed. What answers a preflight (the
    gateway or a route) makes no difference to the headers.
    """
    for name in _OWN_HEADERS:
        response.headers.popall(name, None)
    allowed = _allowed_origin(cors, request.headers.get("origin"))
    if allowed is None:
        return
    response.headers["access-control-allow-origin"] = allowed
    if allowed != "*":
        response.headers.add("vary", "Origin")
    if cors.credentials:
        response.headers["access-control-allow-credentials"] = "true"
    if is_preflight(request):
        _add_preflight(cors, response)
    elif cors.exposed:
        response.headers["access-control-expose-headers"] = ",".join(cors.exposed)


def _allowed_origin(cors: Cors, origin: str | None) -> str | None:
    """Return "*" or the very origin; `https://*` and `http://*` allow all that begins with the scheme."""
    if origin is None or "*" in cors.origins:
        return None if origin is None else "*"
    scheme = origin.partition("://")[0]
    return origin if origin in cors.origins or f"{scheme}://*" in cors.origins else None


def _add_preflight(cors: Cors, response: web.StreamResponse) -> None:
    if cors.methods:
        response.headers["access-control-allow-methods"] = ",".join(cors.methods)
    if cors.headers:
        response.headers["access-control-allow-headers"] = ",".join(cors.headers)
    if cors.max_age is not None:
        response.headers["access-control-max-age"] = str(cors.max_age)

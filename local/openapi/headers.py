"""The headers of answers, as components that answers share."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from local.openapi.schemas import Schema

HEADERS: Mapping[str, Schema] = {
    "x-request-id": {"description": "Names this request; quote it to us.", "schema": {"type": "string"}},
    "location": {
        "description": "Where it can be read from now on.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "etag": {"description": "Its version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "cache-control": {"description": "How long a copy is good.", "schema": {"type": "string"}},
    "content-security-policy": {"description": "Nothing but the page itself.", "schema": {"type": "string"}},
    "www-authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}},
    "retry-after": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
}
WITH_OURS = ("x-request-id", "www-authenticate", "retry-after")
"""Headers of statuses that the gateway answers, too, without them."""


def header(name: str, *, required: bool) -> Schema:
    """Return the reference to a header."""
    return {"$ref": f"#/components/headers/{'' if required else 'Maybe'}{camel(name)}"}


def shared_headers() -> dict[str, Schema]:
    """Return the components, and of some a second that may be absent."""
    always = {camel(name): {**one, "required": True} for name, one in HEADERS.items()}
    return always | {f"Maybe{camel(name)}": one for name, one in HEADERS.items() if name in WITH_OURS}


def camel(text: str) -> str:
    """Return "x-request-id" as "XRequestId"."""
    return "".join(part.capitalize() for part in text.replace("-", " ").split())


def title(status: HTTPStatus) -> str:
    """Return the status in words, which Python's versions do not agree upon."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status, status.phrase)

"""The whole description, as OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from local.openapi.answers import TAGS
from local.openapi.facts import operations
from local.openapi.headers import shared_headers
from local.openapi.operations import described, shared_parameters
from local.openapi.refusals import Refusals
from local.openapi.schemas import Schema, Schemas

INTRODUCTION = """\
A shop: customers register, order, and follow their orders; stock is decided once and never oversold.

**Signing in.** `POST /user/login` gives an access token; send it as `Authorization: Bearer …`. Some operations also \
need the group `admin`. Who may not is answered 401 or 403.

**Bodies** are JSON in UTF-8, of at most 1 MB, without fields that are not named here; texts are trimmed. Times are \
UTC (RFC 3339), money is in the currency's minor unit, an sku is in upper case.

**Refusals** are problem documents (RFC 9457, `application/problem+json`) with a stable `type`; a 400 names in \
`errors` the fields that break a rule, as far as they were checked. What the gateway in front refuses by itself has \
the form `{"message": "…"}`: 401 without a token, 403 with a token that is not accepted, 413, 429, 500 and 503. On \
every path it may also answer 400 and 431 to what is no request, and 404 and 405 are answered to paths and methods \
that are not here. A path with a slash at its end is redirected (308) to the path without it.

**Doing it once.** Where an `Idempotency-Key` is required, send a new unique value with each new request, and the same \
one when you send a request again: within 24 hours it is done once, and answered as it was at first.

**Reading before writing.** An item's `ETag` names its version. Send it as `If-Match` to change only what you have \
read (412 otherwise), and as `If-None-Match` to be spared what you know (304).

**Lists** come in pages: `?limit` says how large, `?cursor` takes the `next_cursor` of the page before.

Every answer that is not the gateway's own has an `x-request-id`; quote it to us.
"""


def document() -> dict[str, Any]:
    """Return the description as OpenAPI 3.1."""
    found = operations()
    schemas, refusals = Schemas(), Refusals()
    paths: dict[str, dict[str, Any]] = {}
    for operation in found:
        whole = described(operation, {one.name: one for one in found}, schemas, refusals)
        paths.setdefault(operation.path, {})[operation.method.lower()] = whole
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tradepost", "version": "1", "description": INTRODUCTION, "license": _licence()},
        "servers": [{"url": "/", "description": "Where this description was found."}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": _bearer()},
            "parameters": shared_parameters(),
            "headers": shared_headers(),
            "responses": dict(sorted(refusals.components.items())),
            "schemas": dict(sorted((schemas.components | refusals.schemas()).items())),
        },
    }


def _licence() -> Schema:
    return {"name": "MIT", "identifier": "MIT"}


def _bearer() -> Schema:
    words = "The access token of `POST /user/login`; it lives for an hour."
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": words}

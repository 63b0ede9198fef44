"""What pages of other sites may do (Fetch standard, "CORS protocol"), where the front door does not say it.

An HTTP API says it by itself and takes such headers away; a REST API with proxy integration and a load balancer answer
what the function does. CORS_ORIGINS names the sites, separated by commas.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from handlers.http.request import Request

METHODS = ("GET", "POST", "PUT", "DELETE")
SENT = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match")
SHOWN = ("etag", "location", "retry-after", "x-request-id")
MAX_AGE = 600
"""Seconds for which a browser need not ask again."""


def cors(request: Request) -> Mapping[str, str]:
    """Return the headers that let the page's site read the answer; to OPTIONS, what it may send, too."""
    origins = os.environ.get("CORS_ORIGINS")
    if not origins:
        return {}
    origin = request.header("origin")
    if origin not in origins.split(","):
        return {"vary": "origin"}
    read = {
        "vary": "origin",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": ",".join(SHOWN),
    }
    if request.method != "OPTIONS":
        return read
    return read | {
        "access-control-allow-methods": ",".join(METHODS),
        "access-control-allow-headers": ",".join(SENT),
        "access-control-max-age": str(MAX_AGE),
    }

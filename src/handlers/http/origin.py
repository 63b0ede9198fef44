"""Refusing calls that come past the edge (stacks/edge.yaml), where a deployment has one.

The edge's firewall would be a door in an open field if API Gateway could be called directly, so CloudFront sends a
secret with all that it passes on. It is asked for here, since public routes have no authorizer.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import replace
from http import HTTPStatus

from handlers.http.request import Request
from handlers.http.response import Refused
from handlers.telemetry import count

if os.environ.get("ORIGIN_SECRET_ID"):
    import handlers.wiring.origin  # noqa: F401 - its client is made in INIT, where a deployment has an edge

SECRET, VIEWER = "x-origin-secret", "true-client-ip"


def admitted(request: Request) -> Request:
    """Return the request, by the edge's word from whom it is. Raises Refused (403), Unavailable.

    Where ORIGIN_SECRET_ID is empty there is no edge, and nothing is imported or asked for it.
    """
    if not os.environ.get("ORIGIN_SECRET_ID"):
        return request
    from handlers.wiring.origin import origin_secret  # noqa: PLC0415 - only deployments with an edge pay

    given = (request.header(SECRET) or "").encode(errors="replace")
    known = [hmac.compare_digest(given, value) for value in origin_secret().values()]
    if not any(known):
        count("CallsPastEdge")
        raise Refused(HTTPStatus.FORBIDDEN, "past-the-edge", "call the shop by its own address")
    return replace(request, viewer=request.header(VIEWER))

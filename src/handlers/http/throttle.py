"""Refusing clients that call too often: for operations that check secrets or send mail, and that anybody may call."""

from __future__ import annotations

import os
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address

from adapters.system import now
from handlers.http.request import Request
from handlers.http.response import Refused
from handlers.telemetry import logger
from handlers.wiring.calls import calls

HOME_NETWORK = 64
"""Bits of an IPv6 address that name a subscriber; the rest is the subscriber's own choice (RFC 6177)."""


def throttle(request: Request, operation: str) -> None:
    """Refuse (429) a client's calls of an operation above CALLS_PER_MINUTE, until the next minute.

    Calls that cannot be counted pass: Cognito has limits of its own.
    """
    limit, counter, at = int(os.environ["CALLS_PER_MINUTE"]), calls(), now()
    try:
        number = counter.count(operation, _client(request.address), at)
    except Exception:
        logger.warning("a call was not counted", operation=operation, exc_info=True)
        return
    if number > limit:
        wait = str(60 - at.second)
        detail = f"too many calls from where you are; try again in {wait} s"
        raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, {"retry-after": wait})


def _client(address: str) -> str:
    """Return whose calls are counted together. Raises ValueError for what is no address."""
    found = ip_address(address)
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> HOME_NETWORK << HOME_NETWORK)}/{HOME_NETWORK}"

"""Ask an API that was just deployed whether it serves: python3 smoke.py URL. Ends with 1 and what was wrong.

It needs nothing but Python.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

SECONDS = 90
"""How long a database may take to wake: until then a 503 is asked again."""

Answer = tuple[int, Any]


def ask(url: str) -> Answer:
    """Return status and JSON of a GET; nothing for what is no JSON."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the caller's own address
            return answer.status, _json(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, _json(refused.read())


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def awake(url: str, seconds: float) -> Answer:
    """Return the answer, asking again while it is 503."""
    deadline = time.monotonic() + seconds
    while (answer := ask(url))[0] == HTTPStatus.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(2)
    return answer


EXPECTED = {
    "/health": (200, "status"),
    "/openapi.json": (200, "paths"),
    "/products?limit=1": (200, "products"),
    "/orders": (401, ""),
}
"""Status and a member of the body: it answers, says what it is, reads the database, lets nobody in without a token."""


def smoke(url: str, seconds: float = SECONDS) -> list[str]:
    """Return what was found wrong."""
    wrong = []
    for path, (status, member) in EXPECTED.items():
        found, body = awake(url.rstrip("/") + path, seconds)
        if found != status or (member and member not in body):
            wrong.append(f"{path} answered {found}")
    return wrong


if __name__ == "__main__":
    wrong = smoke(sys.argv[1])
    print("\n".join(wrong) or f"{sys.argv[1]} serves")
    sys.exit(bool(wrong))

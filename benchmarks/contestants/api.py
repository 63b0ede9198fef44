"""What every answer of the API has, whoever gives it: headers, problems, and who may ask."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}


class Problem(Exception):
    """A request that is refused; `errors` names fields."""

    def __init__(self, status: int, kind: str, detail: str, errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors
        self.headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        body = {
            "type": f"urn:tradepost:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        errors = [{"field": field, "message": message} for field, message in self.errors or []]
        return {**body, "errors": errors} if errors else body


def headers(event: dict[str, Any]) -> dict[str, str]:
    """Return the headers of the answer to an event."""
    return {**HEADERS, "x-request-id": event["requestContext"]["requestId"]}


def caller(event: dict[str, Any]) -> str:
    """Return who calls, as the authorizer in front has found. Raises Problem."""
    said = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
        raise Problem(401, "unauthenticated", "sign in again")
    return str(said["sub"])

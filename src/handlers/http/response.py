"""Answers: JSON, ready-made text, and problem documents (RFC 9457) for what was refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from domain import errors
from domain.errors import FieldProblem, TradepostError
from handlers.http.front_door import RestApi

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}

SHARED = {"cache-control": "public, max-age=0, s-maxage=60"}
"""What everybody may see: the edge shows a copy for a minute, browsers ask again."""

STATUSES: Mapping[type[TradepostError], tuple[HTTPStatus, str]] = {
    errors.InvalidInput: (HTTPStatus.BAD_REQUEST, "invalid-input"),
    errors.Unauthenticated: (HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    errors.NotFound: (HTTPStatus.NOT_FOUND, "not-found"),
    errors.InFlight: (HTTPStatus.CONFLICT, "request-in-flight"),
    errors.NotConfirmed: (HTTPStatus.CONFLICT, "not-confirmed"),
    errors.ResetRequired: (HTTPStatus.CONFLICT, "password-reset-required"),
    errors.Conflict: (HTTPStatus.CONFLICT, "conflict"),
    errors.PreconditionFailed: (HTTPStatus.PRECONDITION_FAILED, "precondition-failed"),
    errors.KeyReused: (HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
    errors.Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
}
"""The one place where the domain's errors become statuses; a subclass stands before its base."""


EXTRA_HEADERS: Mapping[type[TradepostError], Mapping[str, str]] = {
    errors.Unauthenticated: {"www-authenticate": "Bearer"},  # RFC 9110, section 15.5.2
    errors.Unavailable: {"retry-after": "5"},
}


@dataclass(frozen=True)
class Response:
    """An answer: status, a body (None for none, a str for text as it is, else JSON), headers of its own."""

    status: HTTPStatus
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, more: Mapping[str, str]) -> Response:
        """Return the answer with more headers; its own stay as they are."""
        return replace(self, headers={**more, **self.headers}) if more else self

    def event(self, request_id: str, asked: RestApi) -> dict[str, Any]:
        """Return the answer as the front door takes it that `asked`."""
        headers = {**HEADERS, "x-request-id": request_id, **self.headers}
        if "location" in headers:
            headers["location"] = f"{_stage(asked)}{headers['location']}"
        if self.body is not None:
            headers.setdefault("content-type", "application/json")
        return {
            "statusCode": int(self.status),
            **asked.answer(f"{int(self.status)} {self.status.phrase}", headers),
            "body": self._text(),
            "isBase64Encoded": False,
        }

    def _text(self) -> str:
        if self.body is None or isinstance(self.body, str):
            return self.body or ""
        return _encode(self.body)


def rfc3339(at: datetime) -> str:
    """Return a time in UTC with milliseconds, as in "2026-11-20T21:40:00.123Z" (RFC 3339)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stage(asked: RestApi) -> str:
    """Return what stands before our paths outside: a REST API's stage (payload 1.0, `requestContext.path`)."""
    whole, path = str(asked["requestContext"].get("path") or ""), str(asked.get("path"))
    return whole.removesuffix(path) if whole.endswith(path) else ""


class Refused(Exception):
    """A request that HTTP itself refuses, before any use case: a wrong method, media type or size."""

    def __init__(self, status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.response = problem(status, kind, detail, headers=headers)


def problem(
    status: HTTPStatus,
    kind: str,
    detail: str,
    problems: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; `kind` ends its stable type."""
    body: dict[str, Any] = {
        "type": f"urn:tradepost:problem:{kind}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    if problems:
        body["errors"] = [{"field": one.field, "message": one.message} for one in problems]
    return Response(status, body, {"content-type": "application/problem+json", **(headers or {})})


def refusal(error: TradepostError) -> Response:
    """Return the problem document of a domain error."""
    status, kind = next(known for base, known in STATUSES.items() if isinstance(error, base))
    headers = next((headers for base, headers in EXTRA_HEADERS.items() if isinstance(error, base)), {})
    return problem(status, kind, str(error), error.problems, headers)

"""What an HTTP API sends back: a function's answer turned into a response, or a refusal of its own.

Sources: AWS's "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway" (Lambda function response
for format 2.0) and "Troubleshooting issues with HTTP API Lambda integrations".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

_REFUSALS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_CONNECTION_HEADERS = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAK = re.compile(r"[\r\n\0]")
_LOWEST, _HIGHEST = 200, 599


class RefusalError(Exception):
    """API Gateway answers by itself: `status` and {"message": ...}. `reason` is for the developer, if any."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def response(self) -> web.Response:
        """Return what the client gets, which never tells the reason."""
        return web.json_response({"message": _REFUSALS[self.status]}, status=self.status, dumps=_compact)


class BadAnswerError(ValueError):
    """A function's answer is nothing that API Gateway can turn into a response: the client gets a 500."""


def function_response(payload: bytes) -> web.Response:
    """Return the response that a function's answer stands for.

    An answer without `statusCode` is the body of a 200 with application/json; a JSON string is sent without
    its quotes. Else `statusCode` is an integer from 200 to 599, `body` a string (base64 when `isBase64Encoded`,
    text/plain when no Content-Type says otherwise), `headers` hold strings, numbers or booleans, and each of
    `cookies` becomes a Set-Cookie. Raises BadAnswerError for all that is neither.
    """
    try:
        answer = json.loads(payload or b"null")
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("it is not JSON") from error
    if isinstance(answer, dict) and "statusCode" in answer:
        return _stated(answer)
    body = answer.encode("utf-8", "replace") if isinstance(answer, str) else payload or b"null"
    return web.Response(body=body, content_type="application/json")


def _stated(answer: Mapping[str, Any]) -> web.Response:
    headers = _headers(answer.get("cookies"), answer.get("headers"))
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    return web.Response(status=_status(answer["statusCode"]), headers=headers, body=_body(answer))


def _status(status: object) -> int:
    if type(status) is not int or not _LOWEST <= status <= _HIGHEST:
        raise BadAnswerError(f"statusCode is {status!r}")
    return status


def _headers(cookies: object, given: object) -> CIMultiDict[str]:
    if not isinstance(cookies, list | None) or not isinstance(given, dict | None):
        raise BadAnswerError("headers is no object or cookies no array")
    headers: CIMultiDict[str] = CIMultiDict()
    for cookie in cookies or ():
        headers.add("set-cookie", _value("cookies", cookie))
    for name, value in (given or {}).items():
        if not _HEADER_NAME.fullmatch(name):
            raise BadAnswerError(f"{name!r} is no name for a header")
        if name.lower() not in _CONNECTION_HEADERS:
            headers.add(name, _value(name, value))
    return headers


def _value(name: str, value: object) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str) or _LINE_BREAK.search(value):
        raise BadAnswerError(f"{name} has the value {value!r}")
    return value


def _body(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise BadAnswerError(f"body is a JSON {type(body).__name__}, not a string")
    if answer.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise BadAnswerError("body is not base64, but isBase64Encoded is true") from error


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))

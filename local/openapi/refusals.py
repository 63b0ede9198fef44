"""What operations refuse, with problem documents of ours and in the gateway's own words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from domain import errors
from handlers.http.body import MAX_BYTES
from handlers.http.paging import MOST
from handlers.http.response import EXTRA_HEADERS, STATUSES
from local.openapi.answers import Answer
from local.openapi.facts import Operation, kinds
from local.openapi.headers import camel, header, title
from local.openapi.schemas import Schema

PREFIX = "urn:tradepost:problem:"
PROBLEM, JSON = "application/problem+json", "application/json"
GATEWAY_WORDS = {
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",
    HTTPStatus.TOO_MANY_REQUESTS: "Too Many Requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Internal Server Error",
    HTTPStatus.SERVICE_UNAVAILABLE: "Service Unavailable",
}
"""What API Gateway says by itself."""

ALWAYS = {
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; try again later.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part that this needs does not answer; try again.",
}


class Refusals:
    """The refusals that operations may answer, as components that they share."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}
        self._of_edge = kinds()

    def answer(self, status: HTTPStatus, own: Mapping[str, type | None], *, gateway: bool, words: str) -> Schema:
        """Return the reference to a refusal of one status; `own` are the ends of our problem types."""
        name = "Or".join(camel(part) for part in sorted(own)) or f"Gateway{camel(GATEWAY_WORDS[status])}"
        name += "OrGateway" if own and gateway else ""
        self.components.setdefault(name, self._component(status, own, gateway=gateway))
        return {"$ref": f"#/components/responses/{name}", "description": words}

    def of_edge(self, status: HTTPStatus) -> list[str]:
        """Return the ends of the problem types that the edge gives with a status."""
        return sorted(self._of_edge.get(status, ()))

    def schemas(self) -> dict[str, Schema]:
        """Return the schemas of all refusals."""
        known = {kind for _, kind in STATUSES.values()}.union(*self._of_edge.values())
        place = {"field": {"type": "string", "examples": ["lines[0].sku"]}, "message": {"type": "string"}}
        problem = {
            "type": {"description": "Stable.", "enum": [PREFIX + kind for kind in sorted(known)]},
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What is wrong, for people."},
            "errors": {
                "description": "Which fields break which rules.",
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": list(place), "properties": place},
            },
        }
        message = {"message": {"type": "string", "examples": ["Unauthorized"]}}
        return {
            "Problem": {
                "description": "A refusal (RFC 9457).",
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": problem,
            },
            "GatewayMessage": {
                "description": "What the gateway in front refuses by itself.",
                "type": "object",
                "required": list(message),
                "properties": message,
            },
        }

    def _component(self, status: HTTPStatus, own: Mapping[str, type | None], *, gateway: bool) -> Schema:
        content: dict[str, Any] = {PROBLEM: _problem(status, list(own))} if own else {}
        headers: dict[str, Any] = {}
        if own:
            names = {name for error in own.values() if error for name in EXTRA_HEADERS.get(error, {})}
            names |= {"retry-after"} if status == HTTPStatus.TOO_MANY_REQUESTS else set()
            headers = {name: header(name, required=not gateway) for name in ("x-request-id", *sorted(names))}
        if gateway:
            content[JSON] = {
                "schema": {"$ref": "#/components/schemas/GatewayMessage"},
                "example": {"message": GATEWAY_WORDS[status]},
            }
        if len(content) > 1:
            _say_both(content)
        return {"description": title(status), **({"headers": headers} if headers else {}), "content": content}


def refused(operation: Operation, answer: Answer, refusals: Refusals) -> dict[HTTPStatus, Schema]:
    """Return every refusal that an operation may answer, by status."""
    found: dict[HTTPStatus, tuple[dict[str, type | None], list[str]]] = defaultdict(lambda: ({}, []))
    for error, words in [*_of_its_kind(operation), *answer.refusals.items()]:
        status, kind = STATUSES[error]
        own, said = found[status]
        own[kind] = error
        said.append(words)
    for status, words in {**(BODY_REFUSALS if operation.body else {}), **ALWAYS}.items():
        own, said = found[status]
        if status != HTTPStatus.TOO_MANY_REQUESTS or "throttle" in operation.uses:
            own.update(dict.fromkeys(refusals.of_edge(status)))
        said.append(words)
    if not operation.public and not operation.for_admins:
        found[HTTPStatus.FORBIDDEN][1].append("The token is not accepted.")
    return {
        status: refusals.answer(
            status, own, gateway=_gateway_answers(operation, status), words=" ".join(dict.fromkeys(said))
        )
        for status, (own, said) in found.items()
    }


BODY_REFUSALS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body has more than {MAX_BYTES:,} bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not sent as application/json.",
}


def _of_its_kind(operation: Operation) -> Iterator[tuple[type[errors.TradepostError], str]]:
    """Return what an operation refuses because of what it asks for."""
    reads = {"required_key", "limit", "after", "expected"} & operation.uses
    if operation.body or reads or "sku" in operation.parameters:
        yield errors.InvalidInput, "What was sent breaks a rule; `errors` names the fields."
    if not operation.public:
        yield errors.Unauthenticated, "There is no token, or it has ended."
    if operation.for_admins:
        yield errors.Forbidden, "The token is not accepted, or its owner is not in the group `admin`."
    if operation.parameters:
        yield errors.NotFound, "There is no such thing, or it belongs to somebody else."
    if "required_key" in operation.uses:
        yield errors.InFlight, "A request with this Idempotency-Key is being answered right now."
        yield errors.KeyReused, "This Idempotency-Key was used for another request."
    if "expected" in operation.uses:
        yield errors.PreconditionFailed, "It has another version than If-Match names."
    if operation.asks_others:
        yield errors.Unavailable, ALWAYS[HTTPStatus.SERVICE_UNAVAILABLE]


def _gateway_answers(operation: Operation, status: HTTPStatus) -> bool:
    guarded = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return status in GATEWAY_WORDS and not (guarded and operation.public)


def _say_both(content: Mapping[str, Any]) -> None:
    """Give each media type the schemas of all: generators of clients read one media type alone."""
    both = [media["schema"] for media in content.values()]
    for media in content.values():
        media["schema"] = {"anyOf": both}


def _problem(status: HTTPStatus, own: list[str]) -> Schema:
    schema = {
        "$ref": "#/components/schemas/Problem",
        "properties": {"type": {"enum": [PREFIX + kind for kind in own]}, "status": {"const": int(status)}},
    }
    example: dict[str, Any] = {"type": PREFIX + own[0], "title": title(status), "status": int(status)}
    example["detail"] = DETAILS[own[0]]
    if own[0] == "invalid-input":
        example["errors"] = [{"field": "limit", "message": f"must be a number from 1 to {MOST}"}]
    return {"schema": schema, "example": example}


DETAILS = {
    "conflict": "the state of the thing does not allow it now",
    "forbidden": "this needs the group admin",
    "idempotency-key-reused": "this Idempotency-Key was used for another request; send a new key",
    "invalid-input": "no such page",
    "media-type": "send the body as application/json",
    "not-confirmed": "confirm the registration first: the code was sent by email",
    "not-found": "you have no item 1",
    "password-reset-required": "the password must be reset before the next sign-in",
    "precondition-failed": "the item has changed since; read it again",
    "request-in-flight": "a request with this Idempotency-Key is being answered right now",
    "too-large": f"a body has at most {MAX_BYTES:,} bytes",
    "too-many-requests": "too many calls from where you are; try again in 17 s",
    "unauthenticated": "sign in again",
    "unavailable": "please send the same request again",
    "unexpected": "something went wrong here; quote JKJaXmPLvHcESHA= to us",
}

"""The whole description: each operation's request and everything that it may answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from domain import errors
from handlers.http.body import MAX_BYTES
from handlers.http.idempotency import VALUE
from handlers.http.paging import DEFAULT, MOST
from handlers.http.response import EXTRA_HEADERS, STATUSES
from local.openapi.answers import ANSWERS, TAGS, Answer, Many
from local.openapi.facts import Operation, kinds, operations
from local.openapi.fields import PARAMETERS
from local.openapi.schemas import Schema, Schemas

PREFIX = "urn:tradepost:problem:"
PROBLEM, JSON = "application/problem+json", "application/json"
TAGS_LIST = r'^(\*|(W/)?"[\x21\x23-\x7E]*"([ \t]*,[ \t]*(W/)?"[\x21\x23-\x7E]*")*)$'

INTRODUCTION = """\
A shop: customers register, order, and follow their orders; stock is decided once and never oversold.

**Signing in.** `POST /user/login` gives an access token; send it as `Authorization: Bearer …`. Some operations also \
need the group `admin`. Who may not is answered 401 or 403.

**Bodies** are JSON in UTF-8, of at most 1 MB, without fields that are not named here; texts are trimmed. Times are \
UTC (RFC 3339), money is in the currency's minor unit, an sku is in upper case.

**Refusals** are problem documents (RFC 9457, `application/problem+json`) with a stable `type`; a 400 names each field \
in `errors`. What the gateway in front refuses by itself has the form `{"message": "…"}`: 401 without a token, 403 \
with a token that is not accepted, 413, 429, 500 and 503. On every path it may also answer 400 and 431 to what is no \
request, and 404 and 405 are answered to paths and methods that are not here. A path with a slash at its end is \
redirected (308) to the path without it.

**Doing it once.** Where an `Idempotency-Key` is required, send a new unique value with each new request, and the same \
one when you send a request again: within 24 hours it is done once, and answered as it was at first.

**Reading before writing.** An item's `ETag` names its version. Send it as `If-Match` to change only what you have \
read (412 otherwise), and as `If-None-Match` to be spared what you know (304).

**Lists** come in pages: `?limit` says how large, `?cursor` takes the `next_cursor` of the page before.

Every answer that is not the gateway's own has an `x-request-id`; quote it to us.
"""

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


def document() -> dict[str, Any]:
    """Return the description as OpenAPI 3.1."""
    found = operations()
    schemas, refusals = Schemas(), Refusals()
    paths: dict[str, dict[str, Any]] = {}
    for operation in found:
        described = _operation(operation, {one.name: one for one in found}, schemas, refusals)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tradepost", "version": "1", "description": INTRODUCTION, "license": _licence()},
        "servers": [{"url": "/", "description": "Where this description was found."}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": _bearer()},
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": dict(sorted(refusals.components.items())),
            "schemas": dict(sorted((schemas.components | refusals.schemas()).items())),
        },
    }


class Refusals:
    """The refusals that operations may answer, as components that they share."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}
        self._of_edge = kinds()

    def answer(self, status: HTTPStatus, own: Mapping[str, type | None], *, gateway: bool, words: str) -> Schema:
        """Return the reference to a refusal of one status; `own` are the ends of our problem types."""
        name = "Or".join(_camel(part) for part in sorted(own)) or f"Gateway{_camel(GATEWAY_WORDS[status])}"
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
        content: dict[str, Any] = {}
        headers: dict[str, Any] = {}
        if own:
            content[PROBLEM] = _problem(status, list(own))
            names = {name for error in own.values() if error for name in EXTRA_HEADERS.get(error, {})}
            names |= {"retry-after"} if status == HTTPStatus.TOO_MANY_REQUESTS else set()
            headers = {name: _header(name, required=not gateway) for name in ("x-request-id", *sorted(names))}
        if gateway:
            content[JSON] = {
                "schema": {"$ref": "#/components/schemas/GatewayMessage"},
                "example": {"message": GATEWAY_WORDS[status]},
            }
        return {"description": _title(status), **({"headers": headers} if headers else {}), "content": content}


def _operation(operation: Operation, all_: Mapping[str, Operation], schemas: Schemas, refusals: Refusals) -> Schema:
    answer = ANSWERS[operation.name]
    for_admins = " Needs the group `admin`." if operation.for_admins else ""
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [answer.tag],
        "summary": operation.summary,
        "description": operation.description + for_admins,
    }
    if operation.public:
        described["security"] = []
    if parameters := list(_asked(operation)):
        described["parameters"] = parameters
    if operation.body:
        schema = schemas.sent(operation.body)
        content = {JSON: {"schema": schema, "example": schemas.example(schema)}}
        described["requestBody"] = {"required": True, "content": content}
    answers = {
        answer.status: _success(answer, all_, schemas),
        **_not_modified(operation),
        **_refusals(operation, answer, refusals),
    }
    described["responses"] = {str(int(status)): answers[status] for status in sorted(answers)}
    return described


def _asked(operation: Operation) -> Iterator[Schema]:
    for name in operation.parameters:
        yield {"name": name, "in": "path", "required": True, **PARAMETERS[name]}
    for used, name in (
        ("required_key", "IdempotencyKey"),
        ("limit", "Limit"),
        ("after", "Cursor"),
        ("expected", "IfMatch"),
        ("known", "IfNoneMatch"),
        ("Document", "IfNoneMatch"),
    ):
        if used in operation.uses:
            yield {"$ref": f"#/components/parameters/{name}"}


def _success(answer: Answer, all_: Mapping[str, Operation], schemas: Schemas) -> Schema:
    described: dict[str, Any] = {"description": _success_words(answer)}
    described["headers"] = {name: _header(name, required=True) for name in ("x-request-id", *answer.headers)}
    if isinstance(answer.shape, str):
        described["content"] = {answer.shape: {"schema": {"type": "object" if answer.shape == JSON else "string"}}}
    elif answer.shape is not None:
        many = isinstance(answer.shape, Many)
        schema = schemas.page(answer.shape.name, answer.shape.shape) if many else schemas.answered(answer.shape)
        described["content"] = {JSON: {"schema": schema, "example": schemas.example(schema)}}
    if answer.links:
        described["links"] = {name: _link(all_[name]) for name in answer.links}
    return described


def _success_words(answer: Answer) -> str:
    if isinstance(answer.shape, Many):
        return "A page of the list."
    return {
        HTTPStatus.CREATED: "Made.",
        HTTPStatus.ACCEPTED: "Taken on; follow it at its Location.",
        HTTPStatus.NO_CONTENT: "Done; there is nothing to say.",
    }.get(answer.status, "As asked.")


def _link(target: Operation) -> Schema:
    return {
        "operationId": target.name,
        "parameters": {name: f"$response.body#/{name}" for name in target.parameters},
    }


def _not_modified(operation: Operation) -> dict[HTTPStatus, Schema]:
    if not {"known", "Document"} & operation.uses:
        return {}
    headers = {name: _header(name, required=True) for name in ("x-request-id", "etag")}
    return {HTTPStatus.NOT_MODIFIED: {"description": "The caller knows this version.", "headers": headers}}


def _refusals(operation: Operation, answer: Answer, refusals: Refusals) -> dict[HTTPStatus, Schema]:
    found: dict[HTTPStatus, tuple[dict[str, type | None], list[str]]] = {}
    for error, words in [*_of_its_kind(operation), *answer.refusals.items()]:
        status, kind = STATUSES[error]
        own, said = found.setdefault(status, ({}, []))
        own[kind] = error
        said.append(words)
    if operation.body:
        for status, words in BODY_REFUSALS.items():
            own, said = found.setdefault(status, ({}, []))
            own.update(dict.fromkeys(refusals.of_edge(status)))
            said.append(words)
    for status, words in ALWAYS.items():
        own, said = found.setdefault(status, ({}, []))
        if status != HTTPStatus.TOO_MANY_REQUESTS or "throttle" in operation.uses:
            own.update(dict.fromkeys(refusals.of_edge(status)))
        said.append(words)
    if not operation.public:
        found.setdefault(HTTPStatus.FORBIDDEN, ({}, ["The token is not accepted."]))
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
        yield errors.InvalidInput, "What was sent breaks a rule; `errors` names each field."
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


def _problem(status: HTTPStatus, own: list[str]) -> Schema:
    schema = {
        "$ref": "#/components/schemas/Problem",
        "properties": {"type": {"enum": [PREFIX + kind for kind in own]}, "status": {"const": int(status)}},
    }
    example: dict[str, Any] = {"type": PREFIX + own[0], "title": _title(status), "status": int(status)}
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
    "not-found": "you have no item 1",
    "precondition-failed": "the item has changed since; read it again",
    "request-in-flight": "a request with this Idempotency-Key is being answered right now",
    "too-large": f"a body has at most {MAX_BYTES:,} bytes",
    "too-many-requests": "too many calls from where you are; try again in 17 s",
    "unauthenticated": "sign in again",
    "unavailable": "please send the same request again",
    "unexpected": "something went wrong here; quote JKJaXmPLvHcESHA= to us",
}


def _header(name: str, *, required: bool) -> Schema:
    return {"$ref": f"#/components/headers/{'' if required else 'Maybe'}{_camel(name)}"}


def _headers() -> dict[str, Schema]:
    always = {_camel(name): {**header, "required": True} for name, header in HEADERS.items()}
    return always | {f"Maybe{_camel(name)}": header for name, header in HEADERS.items() if name in WITH_OURS}


def _camel(text: str) -> str:
    return "".join(part.capitalize() for part in text.replace("-", " ").split())


def _title(status: HTTPStatus) -> str:
    """Return the status in words, which Python's versions do not agree upon."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status, status.phrase)


def _licence() -> Schema:
    return {"name": "MIT", "identifier": "MIT"}


def _bearer() -> Schema:
    words = "The access token of `POST /user/login`; it lives for an hour."
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": words}


def _parameters() -> dict[str, Schema]:
    tags: Schema = {"schema": {"type": "string", "pattern": TAGS_LIST}, "example": '"3"'}
    return {
        "Limit": {
            "name": "limit",
            "in": "query",
            "description": "How many the page may have.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
        },
        "Cursor": {
            "name": "cursor",
            "in": "query",
            "description": "The `next_cursor` of the page before; none for the first page.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]*={0,2}$"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "A unique value for each new request, such as a UUID; the same when it is sent again.",
            "schema": {"type": "string", "pattern": f"^{VALUE.pattern}$"},
            "example": "3f0c6a52-7f0e-4d0e-9a63-2a54c8b1d0aa",
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "Write only if the item has one of these versions.",
            **tags,
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Answer 304 to who knows one of these versions.",
            **tags,
            "schema": {"type": "string"},
        },
    }

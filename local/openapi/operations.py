"""One operation: what it asks for, and everything that it may answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from handlers.http.idempotency import VALUE
from handlers.http.paging import DEFAULT, MOST
from local.openapi.answers import ANSWERS, Answer, Many
from local.openapi.facts import Operation
from local.openapi.fields import PARAMETERS
from local.openapi.headers import header
from local.openapi.refusals import JSON, Refusals, refused
from local.openapi.schemas import Schema, Schemas

TAGS_LIST = r'^(\*|(W/)?"[\x21\x23-\x7E]*"([ \t]*,[ \t]*(W/)?"[\x21\x23-\x7E]*")*)$'

CURSOR = "^[A-Za-z0-9_-]*={0,2}$"
KEY = f"^{VALUE.pattern}$"


def described(operation: Operation, all_: Mapping[str, Operation], schemas: Schemas, refusals: Refusals) -> Schema:
    """Return an operation as OpenAPI has it."""
    answer = ANSWERS[operation.name]
    for_admins = " Needs the group `admin`." if operation.for_admins else ""
    found: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [answer.tag],
        "summary": operation.summary,
        "description": operation.description + for_admins,
    }
    if operation.public:
        found["security"] = []
    if parameters := list(_asked(operation)):
        found["parameters"] = parameters
    if operation.body:
        schema = schemas.sent(operation.body)
        content = {JSON: {"schema": schema, "example": schemas.example(schema)}}
        found["requestBody"] = {"required": True, "content": content}
    answers = {
        answer.status: _success(answer, all_, schemas, _given(found)),
        **_not_modified(operation),
        **refused(operation, answer, refusals),
    }
    found["responses"] = {str(int(status)): answers[status] for status in sorted(answers)}
    return found


def _asked(operation: Operation) -> Iterator[Schema]:
    for name in operation.parameters:
        yield {
            "name": name,
            "in": "path",
            "required": True,
            **PARAMETERS[name],
            **PARAMETERS.get(f"{operation.name}.{name}", {}),
        }
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


def _given(found: Schema) -> Schema:
    """Return the plain values that an operation's example sends, in its path and in its body."""
    path = {one["name"]: one["example"] for one in found.get("parameters", []) if one.get("in") == "path"}
    body = found["requestBody"]["content"][JSON]["example"] if "requestBody" in found else {}
    return path | {name: value for name, value in body.items() if not isinstance(value, list)}


def _success(answer: Answer, all_: Mapping[str, Operation], schemas: Schemas, given: Schema) -> Schema:
    described: dict[str, Any] = {"description": _success_words(answer)}
    described["headers"] = {name: header(name, required=True) for name in ("x-request-id", *answer.headers)}
    if isinstance(answer.shape, str):
        described["content"] = {answer.shape: {"schema": {"type": "object" if answer.shape == JSON else "string"}}}
    elif answer.shape is not None:
        many = isinstance(answer.shape, Many)
        schema = schemas.page(answer.shape.name, answer.shape.shape) if many else schemas.answered(answer.shape)
        described["content"] = {JSON: {"schema": schema, **_examples(schema, schemas, given)}}
    if answer.links:
        described["links"] = {name: _link(all_[name]) for name in answer.links}
    return described


def _examples(schema: Schema, schemas: Schemas, given: Schema) -> Schema:
    """Return an example that agrees with what was sent; of each kind that an answer may have, one."""
    kinds = {one["$ref"].rpartition("/")[2]: schemas.example(one) for one in schema.get("anyOf", ())}
    if kinds:
        return {"examples": {name: {"value": value} for name, value in kinds.items()}}
    example = schemas.example(schema)
    return {"example": example | {name: value for name, value in given.items() if name in example}}


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
    headers = {name: header(name, required=True) for name in ("x-request-id", "etag")}
    return {HTTPStatus.NOT_MODIFIED: {"description": "The caller knows this version.", "headers": headers}}


def shared_parameters() -> dict[str, Schema]:
    """Return the parameters that operations share, as components."""
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
            "schema": {"type": "string", "pattern": CURSOR},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "A unique value for each new request, such as a UUID; the same when it is sent again.",
            "schema": {"type": "string", "pattern": KEY},
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

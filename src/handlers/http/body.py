"""Reading a JSON body into a pydantic model."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import FieldProblem, InvalidInput
from handlers.http.request import Request
from handlers.http.response import Refused

MAX_BYTES = 1_000_000
MAX_EXACT = 2**53 - 1
MAX_DIGITS = 400
"""Smaller numbers are judged by the field that they stand in; larger ones are not even read."""


class Body(BaseModel):
    """A body as we take it: every field known, no value bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_strip_whitespace=True)


Model = TypeVar("Model", bound=Body)


def read(request: Request, model: type[Model]) -> Model:
    """Return the body. Raises InvalidInput naming each field; Refused for media type (415) and size (413)."""
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "send the body as application/json")
    try:
        return model.model_validate(_json(_bytes(request)))
    except ValidationError as error:
        problems = [
            FieldProblem(_path(one["loc"]), one["msg"])
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidInput("the body breaks the rules named here", problems) from None


def _json(body: bytes) -> Any:
    """Return what the body says in plain JSON (RFC 8259); what parsers read differently is refused (RFC 7493)."""
    try:
        found = json.loads(
            body.decode(), object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_no_number
        )
        nul = [FieldProblem(_path(place), "holds a NUL character") for place in _nul_places(found)]
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except RecursionError:
        problem = "is nested too deeply"
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except ValueError as error:
        problem = str(error)
    else:
        if nul:
            raise InvalidInput("the body holds characters that cannot be kept", nul)
        return found
    raise InvalidInput("the body cannot be read", [FieldProblem("body", problem)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("names a member twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"holds a whole number of more than {MAX_DIGITS} digits")
    return int(digits)


def _number(text: str) -> float:
    """Return 2.0 as the whole number that it is (JSON Schema, "Numeric types"), where a double can say it exactly."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= MAX_EXACT else number


def _no_number(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is no number in JSON")


def _nul_places(value: Any, place: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Return where the body holds a NUL, which no database of ours keeps."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [place] if "\0" in name else _nul_places(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nul_places(item, (*place, index))
    elif isinstance(value, str) and "\0" in value:
        yield place


def _bytes(request: Request) -> bytes:
    text = request.event.get("body") or ""
    try:
        body = base64.b64decode(text, validate=True) if request.event.get("isBase64Encoded") else text.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise InvalidInput("the body cannot be read", [FieldProblem("body", "is not UTF-8 text")]) from None
    if len(body) > MAX_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"a body has at most {MAX_BYTES:,} bytes")
    return body


def _path(location: tuple[int | str, ...]) -> str:
    """Return ("lines", 2, "sku") as "lines[2].sku"."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "body"

"""Pages of lists: ?limit and an opaque ?cursor."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from domain.errors import FieldProblem, InvalidInput
from handlers.http.request import Request
from handlers.http.response import Response

DEFAULT, MOST = 20, 100

T = TypeVar("T")


def limit(request: Request) -> int:
    """Return how many items the page may have. Raises InvalidInput."""
    if (text := request.query("limit")) is None:
        return DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and 1 <= int(text) <= MOST):
        raise InvalidInput("no such page", [FieldProblem("limit", f"must be a number from 1 to {MOST}")])
    return int(text)


def after(request: Request, form: re.Pattern[str]) -> str | None:
    """Return the position of that form that the cursor holds, or None for the first page. Raises InvalidInput."""
    cursor = request.query("cursor")
    if not cursor:
        return None
    try:
        position = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        position = ""
    if not form.fullmatch(position):
        raise InvalidInput("no such page", [FieldProblem("cursor", "is not one that we gave out")])
    return position


def page(
    name: str, found: Sequence[T], size: int, position: Callable[[T], str], render: Callable[[T], Any]
) -> Response:
    """Return up to `size` of the `found` items; there is a next page when one more was found."""
    shown = found[:size]
    more = len(found) > size
    cursor = base64.urlsafe_b64encode(position(shown[-1]).encode()).decode() if more else None
    return Response(HTTPStatus.OK, {name: [render(one) for one in shown], "next_cursor": cursor})

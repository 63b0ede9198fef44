"""Documents that ship with the functions: read once, answered as they are, kept by caches for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from handlers.http.etag import etag, known
from handlers.http.request import Request
from handlers.http.response import Response

FOLDER = Path(__file__).parents[1]
MAX_AGE = 300
"""Seconds for which a copy may be shown without asking again."""


def shipped(name: str) -> str:
    """Return a text file that stands beside the handlers."""
    return (FOLDER / name).read_text("utf-8")


class Document:
    """A text, and the headers that it is answered with."""

    def __init__(self, text: str, headers: Mapping[str, str]) -> None:
        self._text = text
        self._digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._headers = {"etag": etag(self._digest), "cache-control": f"public, max-age={MAX_AGE}", **headers}

    def answer(self, request: Request) -> Response:
        """Return the text, or 304 when the caller knows it."""
        if known(request, self._digest):
            return Response(HTTPStatus.NOT_MODIFIED, None, self._headers)
        return Response(HTTPStatus.OK, self._text, self._headers)

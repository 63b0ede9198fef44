"""Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13.1): a tag is a version in quotes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from domain.errors import FieldProblem, InvalidInput
from handlers.http.request import Request

TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\U0010ffff]*)"')
VERSION = re.compile(r"[1-9][0-9]{0,17}")
ANY = "*"


def etag(version: int | str) -> str:
    """Return the strong tag of a version, or of a digest."""
    return f'"{version}"'


def expected(request: Request) -> Collection[int] | None:
    """Return the versions that If-Match names, of which weak tags are none; None when any version will do.

    Raises InvalidInput for what is neither `*` nor a list of tags: to match nothing would hide the mistake.
    """
    header = request.header("if-match")
    if header is None or header.strip() == ANY:
        return None
    if not TAG.search(header) or TAG.sub("", header).strip(" \t,"):
        message = 'must be * or entity tags in double quotes, as in "1", "2"'
        raise InvalidInput("no such condition", [FieldProblem("If-Match", message)])
    return _versions(tag for tag in TAG.finditer(header) if not tag["weak"])


def known(request: Request, version: int | str) -> bool:
    """Return whether If-None-Match names a version: `*` does, and weak tags count as strong ones."""
    header = request.header("if-none-match") or ""
    return header.strip() == ANY or str(version) in {tag["opaque"] for tag in TAG.finditer(header)}


def _versions(tags: Iterable[re.Match[str]]) -> Collection[int]:
    return {int(tag["opaque"]) for tag in tags if VERSION.fullmatch(tag["opaque"])}

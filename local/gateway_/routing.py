"""Which route of an HTTP API takes a request ("Create routes for HTTP APIs in API Gateway")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from urllib.parse import unquote_to_bytes

from local.model import Route

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VALUE = {False: "([^/]+)", True: "((?s:.+))"}


class BadPathError(ValueError):
    """A path holds a percent sign that escapes nothing, which API Gateway answers with 400."""


def decode_path(path: str) -> str:
    """Return the path as an HTTP API routes it and puts it into `rawPath`: decoded, and decoded once more.

    AWS's pages do not say so, captures of live HTTP APIs do: `%20` arrives as a blank, `%2F` splits segments,
    `%252F` does too, what follows an escaped question mark is lost, and `%25` before anything but two more
    hexadecimal digits is refused. Raises BadPathError for that. Bytes that are not UTF-8 become U+FFFD.
    """
    if "%" not in path and path.isascii():
        return path
    return _decode_once(_decode_once(path).partition("?")[0])


def _decode_once(path: str) -> str:
    if _BROKEN_ESCAPE.search(path):
        raise BadPathError(path)
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


@dataclass(frozen=True)
class Match:
    """The route that takes a request, and what its path variables stand for (decoded)."""

    route: Route
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The event's `routeKey`: "GET /orders/{id}" or "$default"."""
        return self.route.path if self.route.path == "$default" else f"{self.route.method} {self.route.path}"


class Router:
    """The routes of one HTTP API.

    The best path wins: one without variables, then `{id}` (literal segments count from the left), then greedy
    `{proxy+}` (the longest first, never an empty rest), then `$default`. On one path the exact method wins
    over ANY; a path that has neither is passed over. `/a` and `/a/` are two paths and need a route each.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        paths: dict[str, dict[str, Route]] = {}
        for route in routes:
            paths.setdefault(route.path, {})[route.method] = route
        self._default = next(iter(paths.pop("$default", {}).values()), None)
        self._literal = {path: methods for path, methods in paths.items() if "{" not in path}
        templates = sorted(paths.keys() - self._literal.keys(), key=_specificity)
        self._templates = [(_Template(path), paths[path]) for path in templates]

    def match(self, method: str, path: str) -> Match | None:
        """Return what takes `method` on the decoded `path`; None when nothing does (404)."""
        if route := _choose(self._literal.get(path, {}), method):
            return Match(route)
        for template, methods in self._templates:
            if (route := _choose(methods, method)) and (parameters := template.parameters(path)):
                return Match(route, parameters)
        return Match(self._default) if self._default else None


class _Template:
    """A path with variables."""

    def __init__(self, path: str) -> None:
        parts = re.split(r"\{([^{}]+)\}", path)
        self._names = [name.removesuffix("+") for name in parts[1::2]]
        literals, variables = map(re.escape, parts[::2]), [_VALUE[name.endswith("+")] for name in parts[1::2]]
        self._pattern = re.compile("".join(a + b for a, b in zip_longest(literals, variables, fillvalue="")))

    def parameters(self, path: str) -> Mapping[str, str] | None:
        found = self._pattern.fullmatch(path)
        return dict(zip(self._names, found.groups(), strict=True)) if found else None


def _choose(methods: Mapping[str, Route], method: str) -> Route | None:
    return methods.get(method) or methods.get("ANY")


def _specificity(path: str) -> tuple[bool, list[int], str]:
    """Sort key: not greedy first, then literal segments from the left, then by name to be stable."""
    ranks = [segment.startswith("{") + segment.endswith("+}") for segment in path.split("/")]
    return path.endswith("+}"), ranks, path

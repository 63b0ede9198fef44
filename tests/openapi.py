"""The API's description, to which tests hold every answer that they provoke."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from handlers.http.routes import ROUTES

FILE = Path(__file__).parents[1] / "src" / "handlers" / "openapi.json"


@cache
def described() -> dict[str, Any]:
    """Return the description, in which objects have no members but those that are described."""
    document: dict[str, Any] = _closed(json.loads(FILE.read_text("utf-8")))
    return document


def template_of(method: str, path: str) -> str | None:
    """Return the path as the routes have it; None where no route takes it."""
    bare = unquote(path.partition("?")[0])
    for known, template, _ in ROUTES:
        if known == method and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), bare):
            return template
    return None


def check_answer(method: str, template: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Raise AssertionError for an answer that the description does not know."""
    name = f"{method} {template} → {status}"
    answers = described()["paths"][template][method.lower()]["responses"]
    assert str(status) in answers, f"{name} is not described: {text}"
    answer = _followed(answers[str(status)])
    given = {header.lower(): value for header, value in headers.items()}
    for header, reference in answer.get("headers", {}).items():
        rule = _followed(reference)
        assert header in given or not rule.get("required"), f"{name} lacks {header}"
        if header in given:
            _check(rule["schema"], given[header], f"{name}, {header}")
    content = answer.get("content", {})
    if not content:
        assert text == "", name
        return
    media = given["content-type"].partition(";")[0]
    assert media in content, f"{name} is not described as {media}"
    _check(_of(media, content), text if media.startswith("text/") else json.loads(text), name)


def _of(media: str, content: dict[str, Any]) -> Any:
    """Return what an answer must fit: where media types share their schemas, the one that is its own."""
    schema = content[media]["schema"]
    return schema["anyOf"][list(content).index(media)] if len(content) > 1 else schema


def check_value(schema: Any, value: Any) -> None:
    """Raise AssertionError for a value that does not fit one of the description's schemas."""
    _check(schema, value, "")


def _check(schema: Any, value: Any, name: str) -> None:
    whole = {**schema, "components": described()["components"]}
    problems = [
        f"{one.instance_path}: {one.message}"
        for one in jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
    ]
    assert not problems, f"{name}: {problems}"


def _followed(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = described()
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    return (
        {**closed, "additionalProperties": False} if node.get("type") == "object" and "properties" in node else closed
    )

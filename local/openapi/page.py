"""The description as one page for people: no script, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from local.openapi.patterns import IN_WORDS

STYLE = Path(__file__).with_name("page.css").read_text("utf-8")
JSON = "application/json"

Node = Mapping[str, Any]


def page(document: Node) -> str:
    """Return the page as HTML."""
    return Page(document).html()


class Page:
    """One description, with its references."""

    def __init__(self, document: Node) -> None:
        self._document = document
        self._operations = [
            (method, path, operation) for path, of in document["paths"].items() for method, operation in of.items()
        ]

    def html(self) -> str:
        """Return the whole page."""
        info = self._document["info"]
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(info['title'])}: the API</title><style>{STYLE}</style>"
        )
        body = "".join([*self._top(info), *(part for tag in self._document["tags"] for part in self._section(tag))])
        return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</main></body></html>\n'

    def _top(self, info: Node) -> Iterator[str]:
        yield f"<header><h1>{escape(info['title'])}: the API</h1>\n"
        yield _paragraphs(info["description"])
        yield '<p>For machines: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). In the lines to paste, '
        yield "<code>$URL</code> is where you found this page and <code>$TOKEN</code> an access token.</p>"
        yield '</header>\n<nav id="index">'
        for tag in self._document["tags"]:
            yield f'<h4><a href="#{tag["name"]}">{tag["name"]}</a></h4><ul>'
            for method, path, operation in self._of(tag):
                place = operation["operationId"]
                yield f'<li><a href="#{place}">{method.upper()} {escape(path)}</a> {escape(operation["summary"])}</li>'
            yield "</ul>"
        yield "</nav>\n<main>"

    def _section(self, tag: Node) -> Iterator[str]:
        yield f'<section><h2 id="{tag["name"]}">{tag["name"]}</h2>\n<p>{_words(tag["description"])}</p>\n'
        for method, path, operation in self._of(tag):
            yield from self._article(method, path, operation)
        yield "</section>\n"

    def _of(self, tag: Node) -> list[tuple[str, str, Node]]:
        return [one for one in self._operations if tag["name"] in one[2]["tags"]]

    def _article(self, method: str, path: str, operation: Node) -> Iterator[str]:
        who = "Anybody may." if operation.get("security") == [] else "Needs a token."
        yield f'<article id="{operation["operationId"]}">'
        yield f'<h3><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code>'
        yield ' <a class="top" href="#index">top</a></h3>\n'
        yield f"<p><strong>{escape(operation['summary'])}.</strong> {_words(operation['description'])}"
        yield f' <span class="who">{who}</span></p>\n'
        parameters = [self._whole(one) for one in operation.get("parameters", [])]
        if parameters:
            rows = ([_code(one["name"]), one["in"], self._rule(one), _words(one["description"])] for one in parameters)
            yield _table("Parameters", ("name", "in", "takes", "meaning"), rows)
        body = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if body:
            yield _table("Body", ("field", "takes", "meaning"), self._fields(body["schema"]))
        yield f"<h4>For example</h4><pre>{escape(_curl(method, path, operation, parameters, body))}</pre>\n"
        yield _table("Answers", ("status", "when", "what"), self._answers(operation))
        yield from self._shown(operation)
        yield "</article>\n"

    def _answers(self, operation: Node) -> Iterator[list[str]]:
        for status, reference in operation["responses"].items():
            answer = self._whole(reference)
            kinds = [kind for media in answer.get("content", {}).items() for kind in self._kinds(*media)]
            headers = [_code(name) for name in answer.get("headers", {}) if name != "x-request-id"]
            yield [_code(status), _words(answer["description"]), ", ".join([*kinds, *headers])]

    def _kinds(self, media: str, content: Node) -> Iterator[str]:
        """Return what stands in an answer's body: the ends of problem types, or the media type."""
        ours = content["schema"].get("anyOf", [content["schema"]])[0] if media != JSON else {}
        kinds = ours.get("properties", {}).get("type", {}).get("enum")
        yield from (_code(kind.rpartition(":")[2]) for kind in kinds or ())
        if not kinds:
            yield (
                escape(media) if "message" not in content.get("example", {}) else _code(json.dumps(content["example"]))
            )

    def _shown(self, operation: Node) -> Iterator[str]:
        """Return what success looks like."""
        for answer in operation["responses"].values():
            for media in answer.get("content", {}).values() if "$ref" not in answer else ():
                for title, schema, example in _alternatives(media):
                    fields = _table("Fields", ("field", "holds", "meaning"), self._fields(schema))
                    shown = escape(json.dumps(example, indent=2, ensure_ascii=False))
                    yield f"<details><summary>{title}</summary><pre>{shown}</pre>{fields}</details>\n"

    def _fields(self, schema: Node, before: str = "") -> Iterator[list[str]]:
        for kind in schema.get("anyOf", [schema]):
            whole = self._whole(kind)
            for name, reference in whole.get("properties", {}).items():
                field = self._whole(reference)
                optional = "" if name in whole.get("required", ()) else "optional; "
                yield [
                    _code(before + name),
                    optional + self._rule({"schema": reference}),
                    _words(field.get("description", "")),
                ]
                inner, mark = (field["items"], "[].") if field.get("type") == "array" else (field, ".")
                yield from self._fields(inner, f"{before}{name}{mark}")

    def _rule(self, parameter: Node) -> str:
        """Return in words which values are taken."""
        schema = self._whole(parameter["schema"])
        if "anyOf" in schema:
            return " or ".join(self._rule({"schema": one}) for one in schema["anyOf"])
        return "; ".join(["required", *_rules(schema)] if parameter.get("required") else _rules(schema))

    def _whole(self, node: Node) -> Node:
        """Return a node with its reference followed; what stands beside the reference counts more."""
        if "$ref" not in node:
            return node
        found: Any = self._document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return {**found, **{name: value for name, value in node.items() if name != "$ref"}}


def _alternatives(media: Node) -> Iterator[tuple[str, Node, Any]]:
    """Return each kind that a body may have: a title, the schema and an example."""
    if "example" in media:
        yield "An answer", media["schema"], media["example"]
    kinds = zip(media.get("examples", {}).items(), media["schema"].get("anyOf", ()), strict=True)
    for number, ((name, example), schema) in enumerate(kinds):
        yield f"{'Or' if number else 'Either'} an answer of the kind {escape(name)}", schema, example["value"]


def _rules(schema: Node) -> Iterator[str]:
    if "enum" in schema or "const" in schema:
        yield ", ".join(_code(json.dumps(one)) for one in schema.get("enum", [schema.get("const")]))
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    yield " or ".join(kinds)
    if "format" in schema:
        yield str(schema["format"])
    for low, high, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " of them"),
    ):
        if low in schema or high in schema:
            yield _bounds(schema.get(low), schema.get(high)) + unit
    if "default" in schema:
        yield f"{_code(json.dumps(schema['default']))} if left out"
    if words := IN_WORDS[schema["pattern"]] if "pattern" in schema else "":
        yield words


def _bounds(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return f"at most {high:,}" if low is None else f"at least {low:,}"
    return f"{low:,} to {high:,}"


def _curl(method: str, path: str, operation: Node, parameters: Iterable[Node], body: Node | None) -> str:
    """Return a line to paste."""
    url, options = path, [] if method == "get" else [f"-X {method.upper()}"]
    if "security" not in operation:
        options.append('-H "Authorization: Bearer $TOKEN"')
    for one in parameters:
        if one["in"] == "path":
            url = url.replace(f"{{{one['name']}}}", str(one["example"]))
        if one["in"] == "header":
            options.append(f"-H '{one['name']}: {one['example']}'")
    if body:
        options += ["-H 'content-type: application/json'", f"-d '{json.dumps(body['example'], ensure_ascii=False)}'"]
    return " \\\n  ".join([f'curl "$URL{url}"', *options])


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    return f'<h4>{title}</h4><div class="wide">{table}</div>\n'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_words(part)}</p>\n" for part in text.strip().split("\n\n"))


def _words(text: str) -> str:
    """Return text with its `code` and **emphasis** marked."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", marked)


def _code(text: str) -> str:
    return f"<code>{escape(text, quote=False)}</code>"

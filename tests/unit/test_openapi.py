"""The API's description: made from the code, complete, valid, and shipped as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from handlers.http.routes import ROUTES
from local.openapi.answers import ANSWERS
from tests.openapi import check_value, described
from tests.template import functions

ROOT = Path(__file__).parents[2]
FILES = ("openapi.yaml", "src/handlers/openapi.json", "src/handlers/docs.html")
PAGE = (ROOT / "src/handlers/docs.html").read_text("utf-8")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, of in described()["paths"].items():
        for method, operation in of.items():
            yield method.upper(), path, operation


def test_the_description_is_what_the_code_says(tmp_path: Path) -> None:
    """In a process of its own: handlers keep the variables that they are imported with."""
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    made = subprocess.run(
        [sys.executable, "-m", "local.openapi", tmp_path],
        cwd=ROOT,
        env={**variables, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    stale = [name for name in FILES if (tmp_path / name).read_text("utf-8") != (ROOT / name).read_text("utf-8")]
    assert not stale, "the code says something else now: run `make openapi`"


def test_it_is_valid_openapi() -> None:
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))

    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    assert document == json.loads((ROOT / "src/handlers/openapi.json").read_text("utf-8"))


def test_it_has_every_route_and_no_other() -> None:
    assert {(method, path, operation["operationId"]) for method, path, operation in operations()} == set(ROUTES)
    assert set(ANSWERS) == {name for _, _, name in ROUTES}


def test_it_says_of_the_same_routes_as_the_template_that_they_are_public() -> None:
    public = {
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for function in functions().values()
        for event in function.get("Events", {}).values()
        if event["Properties"].get("Auth") == {"Authorizer": "NONE"} and "Path" in event["Properties"]
    }

    assert {(method, path) for method, path, operation in operations() if operation.get("security") == []} == public


def test_every_object_that_may_be_sent_is_closed() -> None:
    sent = {name: one for name, one in json_schemas().items() if name.endswith("Body")}

    assert len(sent) > 10
    assert not [name for name, one in sent.items() if one["additionalProperties"] is not False]
    assert not [name for name, one in sent.items() for field in one["properties"].values() if not bounded(field)]


def json_schemas() -> dict[str, Any]:
    """Return the schemas as they are published."""
    document = json.loads((ROOT / "src/handlers/openapi.json").read_text("utf-8"))
    return dict(document["components"]["schemas"])


def bounded(field: dict[str, Any]) -> bool:
    """Say whether a field takes no text, number or list of any length."""
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    needed = {"string": "pattern", "integer": "maximum", "array": "maxItems"}
    return "enum" in field or all(needed.get(kind, "type") in field for kind in kinds)


def test_no_member_that_may_be_left_out_has_a_default() -> None:
    """Generators of clients ask for members that have one."""
    sent = [one for name, one in json_schemas().items() if name.endswith("Body")]
    optional = [
        field for one in sent for name, field in one["properties"].items() if name not in one.get("required", [])
    ]

    assert optional
    assert not [field for field in optional if "default" in field or "Left out: " not in field["description"]]


def test_both_media_types_of_a_refusal_are_read_with_one_schema() -> None:
    """Generators of clients read one media type alone."""
    answers = [of["content"] for of in described()["components"]["responses"].values() if len(of["content"]) > 1]

    assert answers
    for content in answers:
        ours, gateways = (media["schema"] for media in content.values())
        assert ours == gateways
        assert [one["$ref"].rpartition("/")[2] for one in ours["anyOf"]] == ["Problem", "GatewayMessage"]


def test_examples_leave_the_demos_products_alone() -> None:
    writes = [
        json.dumps([operation.get("parameters"), operation.get("requestBody")])
        for method, path, operation in operations()
        if method != "GET" and path.startswith("/products")
    ]

    assert len(writes) == 3
    assert all('"KETTLE-1"' in asked and "85123A" not in asked for asked in writes)


def test_every_example_fits_its_schema() -> None:
    examples = list(found_examples(described()))

    assert len(examples) > 50
    for schema, example in examples:
        check_value(schema, example)


def found_examples(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        if "example" in node and "schema" in node:
            yield node["schema"], node["example"]
        if "examples" in node and "schema" in node:
            yield from zip(node["schema"]["anyOf"], (one["value"] for one in node["examples"].values()), strict=True)
        for value in node.values():
            yield from found_examples(value)
    if isinstance(node, list):
        for one in node:
            yield from found_examples(one)


@pytest.mark.parametrize(("method", "path", "_"), ROUTES)
def test_a_stranger_can_read_how_to_use_every_operation(method: str, path: str, _: str) -> None:
    operation = described()["paths"][path][method.lower()]

    assert re.fullmatch(r"[A-Z].+[^.]", operation["summary"])
    assert operation["description"].endswith(".")
    assert f'id="{operation["operationId"]}"' in PAGE
    assert operation["summary"].replace("'", "&#x27;") in PAGE


def test_links_lead_to_operations_that_take_what_they_carry() -> None:
    names = {operation["operationId"]: operation for _, _, operation in operations()}
    links = [
        link
        for operation in names.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]

    assert len(links) > 10
    for link in links:
        taken = {parameter["name"] for parameter in names[link["operationId"]]["parameters"] if "name" in parameter}
        assert set(link["parameters"]) <= taken


class Tags(HTMLParser):
    """Pairs tags, as a reader of strict mind does."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


def test_the_page_is_well_formed() -> None:
    tags = Tags()
    tags.feed(PAGE)

    assert tags.open == []
    assert PAGE.count("<article") == len(ROUTES)


def test_the_page_shows_each_kind_of_an_answer_by_itself() -> None:
    login = PAGE.partition('id="login_user"')[2].partition("</article>")[0]
    either, challenge = login.split("<details>")[1:]

    assert "kind Tokens" in either
    assert ">expires_in<" in either
    assert ">session<" not in either
    assert "kind Challenge" in challenge
    assert ">session<" in challenge
    assert ">expires_in<" not in challenge


def test_the_page_says_patterns_in_words() -> None:
    assert not re.findall(r"<code>[^<]*(?:\[[^\]]+\]\{|\\x|\\p)", PAGE)
    assert "<th></th>" not in PAGE


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    assert "<script" not in PAGE
    assert not re.findall(r"\son\w+=|\sstyle=|@import|url\(|<img|<link|<iframe|<form", PAGE)
    assert set(re.findall(r'(?:href|src)="([^"#]+)', PAGE)) == {"/openapi.json"}
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= set(re.findall(r' id="([^"]+)"', PAGE))

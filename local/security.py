"""`make security`: write into docs/security.md what each role allows, of a function or a service, by the templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.emulator import REGION
from local.state import ROOT
from local.template import translate

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- made by `make security` -->\n", "<!-- end -->\n"
NAMED = re.compile(r'"(?:Ref|Fn::GetAtt|Fn::Sub)": \[?"(?:\$\{)?(\w+)[^"]*"(?:, "([\w.]+)")?')
GIVEN = re.compile(r'\$\{(\w+)\}(?:/index/(\w+))?|"Ref": "(\w+)"')
"""A parameter of stacks/containers.yaml within an ARN, with an index, or as one."""


def tables() -> str:
    """Return the tables, a line for each function or service and resource."""
    resources = translate(ROOT / "template.yaml", {}, REGION)["Resources"]
    functions = ["| function | may | on |", "|---|---|---|"]
    for name, one in sorted(resources.items()):
        if one["Type"] == "AWS::Lambda::Function":
            functions += _rows(name.removesuffix("Function"), resources[f"{name}Role"]["Properties"], _resources)
    containers = yaml_parse((ROOT / "stacks" / "containers.yaml").read_text("utf-8"))["Resources"]
    services = ["| service in a container | may | on |", "|---|---|---|"]
    for name in ("Inventory", "Product", "User"):
        services += _rows(name, containers[f"{name}Role"]["Properties"], _given(resources))
    return "\n".join([*functions, "", *services]) + "\n"


def _rows(title: str, role: dict[str, Any], named: Callable[[Any], str]) -> Iterator[str]:
    """Yield the lines of one role."""
    for condition, statement in _statements(role):
        actions = statement["Action"]
        listed = ", ".join(f"`{action}`" for action in ([actions] if isinstance(actions, str) else actions))
        yield f"| {title} | {listed} | {named(statement['Resource'])}{condition} |"
        title = ""
    if title:
        yield f"| {title} | nothing | |"


def _given(resources: dict[str, Any]) -> Callable[[Any], str]:
    """Return what names the resources of the template that stacks/containers.yaml knows by its parameters."""
    parameters = resources["Containers"]["Properties"]["Parameters"]

    def named(resource: Any) -> str:
        found = [
            _resources(parameters[inner or outer]) + (f", index {index}" if index else "")
            for inner, index, outer in GIVEN.findall(json.dumps(resource))
            if (inner or outer) in parameters
        ]
        return ", ".join(dict.fromkeys(found))

    return named


def _statements(role: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each of a role's own statements, and under which condition it stands."""
    for policy in role.get("Policies", []):
        for one in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" not in one:
                yield "", one
                continue
            condition, then, otherwise = one["Fn::If"]
            yield f" (if {condition})", then
            if "Action" in otherwise:
                yield f" (if not {condition})", otherwise


def _resources(resource: Any) -> str:
    """Return the logical ids that a statement's resource names, and an index or an output with them."""
    text = json.dumps(resource)
    if "Fn::Sub" in text and "/index/" in text:
        return ", ".join(f"{table}, index {index}" for table, index in re.findall(r"\{(\w+)\.Arn\}/index/(\w+)", text))
    found = [_name(one, attribute) for one, attribute in NAMED.findall(text)]
    return ", ".join(dict.fromkeys(found))


def _name(resource: str, attribute: str) -> str:
    return attribute.removeprefix("Outputs.") if attribute.startswith("Outputs.") else resource


def written(page: str) -> str:
    """Return the page with the tables of now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + tables() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")

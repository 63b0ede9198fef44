"""`make security`: write into docs/security.md what each function's role allows, as template.yaml says it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from local.emulator import REGION
from local.state import ROOT
from local.template import translate

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- made by `make security` -->\n", "<!-- end -->\n"
NAMED = re.compile(r'"(?:Ref|Fn::GetAtt|Fn::Sub)": \[?"(?:\$\{)?(\w+)[^"]*"(?:, "([\w.]+)")?')


def table() -> str:
    """Return the table, a line for each function and resource."""
    resources = translate(ROOT / "template.yaml", {}, REGION)["Resources"]
    rows = ["| function | may | on |", "|---|---|---|"]
    for name, one in sorted(resources.items()):
        if one["Type"] != "AWS::Lambda::Function":
            continue
        statements = list(_statements(resources[f"{name}Role"]["Properties"]))
        title = name.removesuffix("Function")
        for condition, statement in statements:
            actions = statement["Action"]
            listed = ", ".join(f"`{action}`" for action in ([actions] if isinstance(actions, str) else actions))
            rows.append(f"| {title} | {listed} | {_resources(statement['Resource'])}{condition} |")
            title = ""
        if not statements:
            rows.append(f"| {title} | nothing | |")
    return "\n".join(rows) + "\n"


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
    """Return the page with the table of now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")

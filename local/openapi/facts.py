"""What the code and template.yaml say of each operation."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from handlers.http.routes import ROUTES
from local.state import ROOT

TEMPLATE = ROOT / "template.yaml"
HANDLERS = ROOT / "src" / "handlers"


@dataclass(frozen=True)
class Operation:
    """One route: the handler's own words, who may call it, and what it reads of a request."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    public: bool
    body: Any
    """The pydantic model of the body, or None."""
    uses: frozenset[str]
    """The names of what the handler's module uses of the HTTP edge, such as "admin" or "required_key"."""
    wired: bool
    """Whether it plugs adapters in."""

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def for_admins(self) -> bool:
        """Whether it asks for the group admin."""
        return "admin" in self.uses

    @property
    def asks_others(self) -> bool:
        """Whether it needs more than its own function: an adapter, or the keys of tokens."""
        return self.wired or not self.public


def operations() -> list[Operation]:
    """Return every operation, in the order of the routes."""
    template = yaml_parse(TEMPLATE.read_text("utf-8"))
    _set_variables(template)
    public = set(_public(template))
    return [_operation(method, path, name, (method, path) in public) for method, path, name in ROUTES]


def kinds() -> dict[HTTPStatus, set[str]]:
    """Return the ends of the problem types that the HTTP edge itself gives, by status."""
    found: dict[HTTPStatus, set[str]] = {}
    for file in sorted(HANDLERS.rglob("*.py")):
        for call in _calls(ast.parse(file.read_text("utf-8"))):
            if _name(call.func) in ("Refused", "problem") and len(call.args) > 1:
                status, kind = call.args[:2]
                if isinstance(status, ast.Attribute) and isinstance(kind, ast.Constant):
                    found.setdefault(HTTPStatus[status.attr], set()).add(str(kind.value))
    return found


def _operation(method: str, path: str, name: str, public: bool) -> Operation:  # noqa: FBT001 - one caller, above
    module = importlib.import_module(f"handlers.{name}")
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    title, _, _ = (module.__doc__ or "").partition("\n")
    return Operation(
        name=name,
        method=method,
        path=path,
        summary=_sentence(title.partition(": ")[2].replace(" (group admin)", "").rstrip(".")),
        description=_paragraphs(_handler_docstring(tree)),
        public=public,
        body=_body(module, tree),
        uses=frozenset(_used(tree)),
        wired=any(isinstance(node, ast.ImportFrom) and "wiring" in str(node.module) for node in tree.body),
    )


def _body(module: ModuleType, tree: ast.AST) -> Any:
    models = [_name(call.args[1]) for call in _calls(tree) if _name(call.func) == "read"]
    return getattr(module, models[0]) if models else None


def _used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            yield _name(node)


def _handler_docstring(tree: ast.Module) -> str:
    (handler,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler")
    return inspect.cleandoc(ast.get_docstring(handler) or "")


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _set_variables(template: dict[str, Any]) -> None:
    """Handlers read their variables when they are imported; an edge is asked for when they are called."""
    common = template["Globals"]["Function"]["Environment"]["Variables"]
    own = [one["Properties"].get("Environment", {}).get("Variables", {}) for one in _functions(template)]
    named = {"AWS_DEFAULT_REGION", *common, *(name for variables in own for name in variables)}
    for name in named - {"ORIGIN_SECRET_ID", "AWS_ENDPOINT_URL"}:
        os.environ.setdefault(name, "given")


def _public(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for function in _functions(template):
        for event in function["Properties"].get("Events", {}).values():
            properties = event["Properties"]
            if event["Type"] == "HttpApi" and properties.get("Auth", {}).get("Authorizer") == "NONE":
                yield properties.get("Method", ""), properties.get("Path", "")


def _functions(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]

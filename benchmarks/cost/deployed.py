"""What a deployment of template.yaml is made of, nested stacks included, once its conditions are decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.emulator import REGION
from local.state import ROOT
from local.template import translate

NESTED = "AWS::CloudFormation::Stack"
NO_VALUE = "AWS::NoValue"


@dataclass(frozen=True)
class Resource:
    """A resource that is made: its logical id, type and properties, in which what only AWS knows is a text."""

    name: str
    type: str
    properties: Mapping[str, Any]


@cache
def deployed(**parameters: str) -> tuple[Resource, ...]:
    """Return all resources of a deployment with these parameters."""
    return tuple(_made(_template(), parameters, ROOT))


@cache
def _template() -> Mapping[str, Any]:
    """Return the template as CloudFormation: of the parameters the transform asks for the rollout alone."""
    return translate(ROOT / "template.yaml", {"Rollout": "canary"}, REGION)


@cache
def _nested(file: Path) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = yaml_parse(file.read_text("utf-8"))
    return parsed


def _made(template: Mapping[str, Any], given: Mapping[str, Any], folder: Path) -> Iterator[Resource]:
    scope = _Scope(template, given)
    for name, one in template["Resources"].items():
        if "Condition" in one and not scope.holds(one["Condition"]):
            continue
        properties = scope.value(one.get("Properties", {}))
        yield Resource(name, one["Type"], properties)
        if one["Type"] == NESTED:
            file = folder / properties["TemplateURL"]
            yield from _made(_nested(file), properties["Parameters"], file.parent)


class _Scope:
    """One template's parameters, mappings and conditions."""

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._template = template
        defaults = {name: one.get("Default", f"<{name}>") for name, one in template.get("Parameters", {}).items()}
        self._parameters = {**defaults, **given}

    def holds(self, condition: str) -> bool:
        """Say whether a condition is true."""
        return bool(self.value(self._template["Conditions"][condition]))

    def value(self, node: Any) -> Any:
        """Return a node with all that can be decided here decided."""
        if isinstance(node, list):
            return [one for one in map(self.value, node) if one is not None]
        if not isinstance(node, Mapping):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function in ("Ref", "Condition") or function.startswith("Fn::"):
                return self._call(function, argument)
        return {name: value for name, one in node.items() if (value := self.value(one)) is not None}

    def _call(self, function: str, argument: Any) -> Any:
        known = self._functions.get(function)
        return known(argument) if known else f"<{argument}>"

    @property
    def _functions(self) -> Mapping[str, Callable[[Any], Any]]:
        return {
            "Condition": self.holds,
            "Ref": lambda name: None if name == NO_VALUE else self._parameters.get(name, f"<{name}>"),
            "Fn::If": lambda parts: self.value(parts[1] if self.holds(parts[0]) else parts[2]),
            "Fn::Equals": lambda pair: str(self.value(pair[0])) == str(self.value(pair[1])),
            "Fn::Not": lambda one: not self.value(one[0]),
            "Fn::And": lambda some: all(map(self.value, some)),
            "Fn::Or": lambda some: any(map(self.value, some)),
            "Fn::FindInMap": self._found,
            "Fn::Select": self._selected,
        }

    def _found(self, path: Sequence[Any]) -> Any:
        name, first, second = map(self.value, path)
        return self._template["Mappings"][name][first][second]

    def _selected(self, asked: Sequence[Any]) -> str:
        index, texts = asked
        return str(self.value(texts)).split(",")[int(index)] if "Ref" in texts else f"<{texts}>"

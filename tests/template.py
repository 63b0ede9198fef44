"""template.yaml as tests see it: functions, their variables and their routes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

FILE = Path(__file__).parents[1] / "template.yaml"
LAMBDA = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "function"}
"""Some of what Lambda itself sets."""
EMULATED = {"AWS_ENDPOINT_URL"}
"""Variables that a condition leaves out where AWS itself answers."""


@cache
def template() -> dict[str, Any]:
    """Return the parsed template."""
    parsed: dict[str, Any] = yaml_parse(FILE.read_text())
    return parsed


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def functions() -> dict[str, dict[str, Any]]:
    """Return each function's properties, what Globals says included, by logical id."""
    common = template()["Globals"]["Function"]
    return {name: {**common, **own} for name, own in of_type("AWS::Serverless::Function").items()}


def handlers() -> dict[str, dict[str, Any]]:
    """Return each function's properties by its module's name."""
    return {own["Handler"].split(".")[1]: own for own in functions().values()}


def variables(module: str) -> set[str]:
    """Return the names of the variables that a function gets."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    return {*common, *handlers()[module].get("Environment", {}).get("Variables", {})}


def environment(module: str) -> dict[str, str]:
    """Return an environment with exactly the variables that a function gets; parameters have their defaults."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = handlers()[module].get("Environment", {}).get("Variables", {})
    given = {name: value for name, value in {**common, **own}.items() if name not in EMULATED}
    return {**{name: _said(value) for name, value in given.items()}, **LAMBDA}


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    default = template()["Parameters"].get(value.get("Ref"), {}).get("Default", "")
    return str(default) or "given"

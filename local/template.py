"""template.yaml, translated by AWS's own SAM translator into plain CloudFormation."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local.state import LocalError

FUNCTION = "AWS::Serverless::Function"
STAND_IN = "def handler(event, context): raise RuntimeError('this function runs in the local cloud: tradepost invoke')"
"""What the emulator's own Lambda service holds in place of the code, which it never runs."""


class _NoManagedPolicies:
    """The translator's port for IAM's managed policies; it asks only for policies named without an ARN."""

    def load(self) -> dict[str, str]:
        return {}


def translate(path: Path, parameters: Mapping[str, str], region: str) -> dict[str, Any]:
    """Return the template as CloudFormation. Raises LocalError naming what is wrong in it.

    Code stays where it is: functions get a stand-in for the package that `sam deploy` would upload.
    """
    document = _read(path)
    if unknown := sorted(parameters.keys() - document.get("Parameters", {}).keys()):
        raise LocalError(f"{path.name} has no parameter {', '.join(unknown)}")
    document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in document.get("Resources", {}).values():
        if resource["Type"] == FUNCTION:
            resource.setdefault("Properties", {}).pop("CodeUri", None)
            resource["Properties"]["InlineCode"] = STAND_IN
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of AWS's own feature flags
    os.environ.setdefault("AWS_DEFAULT_REGION", region)  # the translator asks boto3 for the region's partition
    try:
        translated: dict[str, Any] = transform(document, dict(parameters), _NoManagedPolicies())
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise LocalError(f"{path.name} is not a valid SAM template: {causes}") from error
    return translated


def code_folders(path: Path) -> Mapping[str, Path]:
    """Return each function's CodeUri as a folder, by logical id."""
    document = _read(path)
    common = document.get("Globals", {}).get("Function", {}).get("CodeUri", ".")
    return {
        name: (path.parent / resource["Properties"].get("CodeUri", common)).resolve()
        for name, resource in document["Resources"].items()
        if resource["Type"] == FUNCTION
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml_parse(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LocalError(f"there is no {path}") from None
    except yaml.YAMLError as error:
        raise LocalError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise LocalError(f"{path.name} is not a template: it has no Resources")
    for name, resource in document["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise LocalError(f"{path.name} is not a template: the resource {name} has no Type")
    return document

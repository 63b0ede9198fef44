"""A stack that `sam deploy` made in the emulated AWS: what it holds, for the local cloud to run.

What runs is what was deployed: each function's package, settings and role as the Lambda service holds them, mappings
and schedules as their services do. Routes and authorizers stand in the template alone, in the form in which
CloudFormation processed it.
"""

from __future__ import annotations

import base64
import io
import json
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.deployment import API, References, Resources, deploy, hold_boundaries, physical_ids
from local.model import Deployment
from local.reading import ALIAS, FUNCTION, read_back
from local.state import LocalError

INVOKING = "AWS::Lambda::EventInvokeConfig"
MAPPING = "AWS::Lambda::EventSourceMapping"
SCHEDULE = "AWS::Scheduler::Schedule"

RESOLVING = "tradepost-resolving"
"""A stack without resources that is there for a moment, so that CloudFormation resolves parameters for us."""

Client = Callable[[str], Any]
"""Makes a boto3 client of a service."""


def last_change(client: Client, stack: str) -> str | None:
    """Return what changes with every deployment of a stack, also with one that was taken back; "" where there is none.

    None while one is under way.
    """
    try:
        (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return ""
    if found["StackStatus"].endswith("_IN_PROGRESS"):
        return None
    if found["StackStatus"] in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        return ""
    return f"{found['StackId']} {found.get('LastUpdatedTime', found['CreationTime'])} {found['StackStatus']}"


def read_deployed(client: Client, stack: str, folder: Path) -> Deployment:
    """Return what to run of a stack, with packages unpacked below a folder, and hold its roles' boundaries.

    Raises LocalError if it cannot be run.
    """
    cloudformation = client("cloudformation")
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    given = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    if given.get("EventSources") != "disabled":
        raise LocalError("the emulated AWS would take its events, too: deploy it with EventSources=disabled")
    template = _json(cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"])
    there = physical_ids(client, stack)
    template["Resources"] = {name: one for name, one in template["Resources"].items() if name in there}
    hold_boundaries(client, template, stack)
    held = _Held(client, template, there, given)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    return read_back(template, held, outputs, held.packages(folder))


def _json(template: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(template) if isinstance(template, str) else dict(template)
    return parsed


class _Held:
    """What services hold of a stack's functions, mappings and schedules, named as in the template."""

    def __init__(
        self, client: Client, template: Mapping[str, Any], there: Mapping[str, str], given: Mapping[str, str]
    ) -> None:
        self._client = client
        self._lambda = client("lambda")
        self._template = template
        self._there = there
        self._given = given
        self._aliases = {
            one["Properties"]["FunctionName"]["Ref"]: one["Properties"]["Name"] for one in self._of(ALIAS).values()
        }
        self._functions = {name: self._lambda.get_function(**self._named(name)) for name in self._of(FUNCTION)}

    def resources(self, kind: str, _: Mapping[str, str]) -> Resources:
        """Return the properties of all resources of a type by their logical ids."""
        if kind == FUNCTION:
            return {name: one["Configuration"] for name, one in self._functions.items()}
        if kind == API:
            return self._cors()
        ask = {MAPPING: self._mapping, SCHEDULE: self._schedule, INVOKING: self._invoking}[kind]
        return {name: ask(name) for name in self._of(kind)}

    def _of(self, kind: str) -> Mapping[str, Any]:
        return {name: one for name, one in self._template["Resources"].items() if one["Type"] == kind}

    def _named(self, function: str) -> dict[str, str]:
        """Return a function as who invokes it names it: by its alias, if it has one."""
        alias = self._aliases.get(function)
        return {"FunctionName": self._there[function], **({"Qualifier": alias} if alias else {})}

    def packages(self, folder: Path) -> Mapping[str, Path]:
        """Unpack each function's package, those that are alike once; return the folders."""
        return {name: _unpacked(one, folder) for name, one in self._functions.items()}

    def _mapping(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._lambda.get_event_source_mapping(UUID=self._there[name])
        return found

    def _schedule(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client("scheduler").get_schedule(Name=self._there[name].rpartition("/")[2])
        return found

    def _invoking(self, name: str) -> dict[str, Any]:
        function = self._template["Resources"][name]["Properties"]["FunctionName"]["Ref"]
        found: dict[str, Any] = self._lambda.get_function_event_invoke_config(**self._named(function))
        return found

    def _cors(self) -> Resources:
        """Return the API's CORS settings: a stack without resources lets CloudFormation resolve their parameters."""
        asked = {part: self._template.get(part, {}) for part in ("Parameters", "Conditions", "Mappings")}
        asked["Resources"] = {name: one for name, one in self._template["Resources"].items() if one["Type"] == API}
        references = References(asked)
        asked["Resources"] = {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        outputs = deploy(self._client, asked, self._given, RESOLVING)
        self._client("cloudformation").delete_stack(StackName=RESOLVING)
        return references.resources(API, outputs)


def _unpacked(function: Mapping[str, Any], folder: Path) -> Path:
    digest = base64.b64decode(function["Configuration"]["CodeSha256"]).hex()
    package = folder / digest[:16]
    if not package.exists():
        with urllib.request.urlopen(function["Code"]["Location"]) as answer:  # noqa: S310 - the emulator's own address
            zipfile.ZipFile(io.BytesIO(answer.read())).extractall(package)
    return package

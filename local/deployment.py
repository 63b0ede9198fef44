"""Creating the translated template's resources, with every reference in it resolved.

CloudFormation itself resolves every reference: each intrinsic function of a function, mapping or schedule is
added to the deployed copy as an output, and the answers are put in its place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.state import LocalError

STACK = "tradepost"
UNUSED = {"VpcConfig", "Code", "Tags", "FunctionName", "Architectures", "SnapStart", "TracingConfig"}
"""Properties that the local cloud does not look at, and whose references need not be strings."""
API = "AWS::ApiGatewayV2::Api"
USER_POOL = "AWS::Cognito::UserPool"
RESOLVED = (
    "AWS::Lambda::Function",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Scheduler::Schedule",
)

Resources = dict[str, dict[str, Any]]


class CustomResource:
    """A custom resource, left out of the emulated stack: the function behind it is run by us."""

    def __init__(self, name: str, resource: Mapping[str, Any]) -> None:
        self.name = name
        self.type: str = resource["Type"]
        properties = dict(resource["Properties"])
        self.function: str = properties.pop("ServiceToken")["Fn::GetAtt"][0]
        self.properties = properties


def custom_resources(template: dict[str, Any]) -> list[CustomResource]:
    """Take the custom resources out of a template and return them."""
    names = {name for name, one in template["Resources"].items() if one["Type"].startswith("Custom::")}
    for one in template["Resources"].values():
        needed = one.get("DependsOn", [])
        one["DependsOn"] = [name for name in ([needed] if isinstance(needed, str) else needed) if name not in names]
    return [CustomResource(name, template["Resources"].pop(name)) for name in names]


def leave_out_triggers(template: dict[str, Any]) -> None:
    """Take the functions that Cognito calls out of a template: the emulated one would call what stands in for them."""
    for one in template["Resources"].values():
        if one["Type"] == USER_POOL:
            one["Properties"].pop("LambdaConfig", None)


def deploy(
    client: Callable[[str], Any], template: dict[str, Any], parameters: Mapping[str, str], name: str = STACK
) -> Mapping[str, str]:
    """Create a stack and return its outputs. Raises LocalError naming the resource that failed."""
    bucket, key = f"{name}-deploy", "template.json"
    s3, cloudformation = client("s3"), client("cloudformation")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/{key}",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
    except ClientError as error:
        raise LocalError(f"the template cannot be deployed: {error.response['Error']['Message']}") from error
    while (stack := cloudformation.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("PROGRESS"):
        time.sleep(0.05)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise LocalError(f"the template cannot be deployed: {_why(cloudformation, stack)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def hold_boundaries(client: Callable[[str], Any], template: Mapping[str, Any], name: str = STACK) -> None:
    """Give a stack's roles the permissions boundaries that the emulated CloudFormation leaves out."""
    iam, ids = client("iam"), physical_ids(client, name)
    for role, one in template["Resources"].items():
        if one["Type"] == "AWS::IAM::Role" and (boundary := one["Properties"].get("PermissionsBoundary")):
            iam.put_role_permissions_boundary(RoleName=ids[role], PermissionsBoundary=ids[boundary["Ref"]])


def physical_ids(client: Callable[[str], Any], name: str = STACK) -> Mapping[str, str]:
    """Return the physical id of each of a stack's resources by its logical id."""
    found = client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def _why(cloudformation: Any, stack: Mapping[str, Any]) -> str:
    for event in cloudformation.describe_stack_events(StackName=stack["StackName"])["StackEvents"]:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in reason:
            return f"{event['LogicalResourceId']}: {reason}"
    return str(stack.get("StackStatusReason") or stack["StackStatus"])


class References:
    """The intrinsic functions in a template's functions, mappings and schedules, numbered as outputs."""

    PREFIX = "Reference"

    def __init__(self, template: dict[str, Any]) -> None:
        self._resources: Resources = {
            name: {"Type": one["Type"], "Properties": _used(one["Properties"])}
            for name, one in template["Resources"].items()
            if one["Type"] in RESOLVED
        }
        self._resources |= {
            name: {"Type": API, "Properties": _cors_texts(one["Properties"]["Body"])}
            for name, one in template["Resources"].items()
            if one["Type"] == API
        }
        self._outputs: dict[str, Any] = {}
        for one in self._resources.values():
            _replace(one["Properties"], self._number)
        self._numbers = {json.dumps(value, sort_keys=True): name for name, value in self._outputs.items()}
        template.setdefault("Outputs", {}).update(
            {name: {"Value": _as_strings(value)} for name, value in self._outputs.items()}
        )

    def resources(self, kind: str, outputs: Mapping[str, str]) -> Resources:
        """Return the properties of all resources of a type, references resolved to strings."""

        def value(intrinsic: dict[str, Any]) -> str:
            return outputs[self._numbers[json.dumps(intrinsic, sort_keys=True)]]

        return {
            name: _replace(one["Properties"], value) for name, one in self._resources.items() if one["Type"] == kind
        }

    def _number(self, intrinsic: dict[str, Any]) -> None:
        if intrinsic not in self._outputs.values():
            self._outputs[f"{self.PREFIX}{len(self._outputs)}"] = intrinsic


def _used(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in UNUSED}


def _replace(node: Any, by: Callable[[dict[str, Any]], Any]) -> Any:
    if isinstance(node, dict):
        if len(node) == 1 and (next(iter(node)) == "Ref" or next(iter(node)).startswith("Fn::")):
            return by(node)
        return {name: _replace(value, by) for name, value in node.items()}
    if isinstance(node, list):
        return [_replace(value, by) for value in node]
    return node


def _as_strings(node: Any) -> Any:
    """Return an intrinsic whose literals are strings, as outputs must be."""
    if isinstance(node, dict):
        return {name: _as_strings(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_as_strings(value) for value in node]
    return json.dumps(node) if isinstance(node, bool | int) else node


def _cors_texts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return each CORS property as text, lists joined by commas, as an output can resolve it."""
    found = body.get("x-amazon-apigateway-cors", {})
    condition, then, _ = found.get("Fn::If", (None, found, None))
    texts = {name: _joined(value) for name, value in then.items()}
    return {name: {"Fn::If": [condition, text, ""]} for name, text in texts.items()} if condition else texts


def _joined(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        return value["Fn::Split"][1] if "Fn::Split" in value else value
    return json.dumps(value)

"""The nested stacks as tests see them, and deploying them to an emulated AWS as `sam deploy` would."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests import servers
from tests.cloud import REGION, Cloud, unique
from tests.template import FILE

FOLDER = FILE.parent / "stacks"
NESTED = "AWS::CloudFormation::Stack"
BUCKET = "templates"
IMAGES = f"000000000000.dkr.ecr.{REGION}.amazonaws.com/tradepost"
CONTAINERS = {
    "ServiceImage": f"{IMAGES}/service:1",
    "ProxyImage": f"{IMAGES}/proxy@sha256:{'0a' * 32}",
    "UserStore": "postgres",
    "NatGateways": "one",
}
"""What template.yaml is told to run the services in containers, too."""


@cache
def stack(name: str) -> dict[str, Any]:
    """Return a parsed stack."""
    parsed: dict[str, Any] = yaml_parse((FOLDER / f"{name}.yaml").read_text())
    return parsed


def of_type(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all of a stack's resources of a type, by logical id."""
    found = stack(name)["Resources"].items()
    return {logical: one.get("Properties", {}) for logical, one in found if one["Type"] == kind}


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    """Run a MiniStack whose CloudFormation takes every type of ours."""
    with servers.ministack(folder, sys.executable, str(Path(__file__).with_name("more_types.py"))) as ministack:
        ministack.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield ministack


def upload(cloud: Cloud, template: Mapping[str, Any], folder: Path) -> str:
    """Upload a template, and those that it names by a path from this folder; return its address."""
    copy = json.loads(json.dumps(template))
    for one in copy["Resources"].values():
        if one["Type"] == NESTED:
            file = folder / one["Properties"]["TemplateURL"]
            one["Properties"]["TemplateURL"] = upload(cloud, yaml_parse(file.read_text()), file.parent)
    key = f"{unique()}.json"
    cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(copy).encode())
    return f"{cloud.endpoint}/{BUCKET}/{key}"


def deploy(cloud: Cloud, template: Mapping[str, Any], folder: Path, **parameters: str) -> str:
    """Create a stack; return its name. Fails with the reason of the first resource that failed."""
    name, cloudformation = unique("stack"), cloud.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=upload(cloud, template, folder),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    while (status := described(cloud, name)["StackStatus"]).endswith("PROGRESS"):
        time.sleep(0.05)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [one for one in reversed(events) if one["ResourceStatus"].endswith("FAILED")]
    assert status == "CREATE_COMPLETE", [(one["LogicalResourceId"], one["ResourceStatusReason"]) for one in failed]
    return name


def described(cloud: Cloud, name: str) -> dict[str, Any]:
    """Return what CloudFormation says of a stack."""
    found: dict[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return found


def outputs(cloud: Cloud, name: str) -> dict[str, str]:
    """Return a stack's outputs."""
    return {one["OutputKey"]: one["OutputValue"] for one in described(cloud, name).get("Outputs", [])}


def resources(cloud: Cloud, name: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources by their path of logical ids, nested stacks' included."""
    answer = cloud.client("cloudformation").describe_stack_resources(StackName=name)
    found = {}
    for one in answer["StackResources"]:
        logical, physical = one["LogicalResourceId"], one["PhysicalResourceId"]
        found[logical] = physical
        if one["ResourceType"] == NESTED:
            found |= {f"{logical}/{below}": id_ for below, id_ in resources(cloud, physical).items()}
    return found

"""MiniStack, its CloudFormation taught to take the types of ours that it does not know, and alarms of metric math.

Run as a program. Such a resource gets an id and the attributes below, so that everything which refers to it deploys;
nothing stands behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ministack.app import main
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

ATTRIBUTES: Mapping[str, Callable[[str], dict[str, str]]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": lambda _: {},
    "AWS::ApplicationAutoScaling::ScalingPolicy": lambda _: {},
    "AWS::CloudFront::VpcOrigin": lambda name: {"Id": name},
    "AWS::CodeDeploy::Application": lambda _: {},
    "AWS::CodeDeploy::DeploymentGroup": lambda _: {},
    "AWS::CodePipeline::Pipeline": lambda _: {},
    "AWS::EC2::EIP": lambda name: {"AllocationId": f"eipalloc-{name}"},
    "AWS::EC2::FlowLog": lambda _: {},
    "AWS::EC2::NatGateway": lambda _: {},
    "AWS::EC2::SecurityGroupEgress": lambda _: {},
    "AWS::EC2::SecurityGroupIngress": lambda _: {},
    "AWS::RDS::DBProxy": lambda name: {"Endpoint": f"{name}.proxy.example"},
    "AWS::RDS::DBProxyTargetGroup": lambda _: {},
    "AWS::SecretsManager::RotationSchedule": lambda _: {},
    "Custom::DatabaseSchema": lambda _: {},  # no server stands behind a new database, whose migration would ask for it
}
ALARM = "AWS::CloudWatch::Alarm"


def creator(attributes: Callable[[str], dict[str, str]]) -> Callable[..., tuple[str, dict[str, str]]]:
    """Return what CloudFormation calls to create a resource of a type."""

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        name = properties.get("DBProxyName") or f"{logical_id}-{uuid.uuid4().hex[:12]}".lower()
        return name, attributes(name)

    return create


def delete(physical_id: str, properties: dict[str, Any]) -> None:
    """Forget a resource."""


def alarm(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    """Create an alarm of one metric as MiniStack does, and one of several as above."""
    if "Metrics" not in properties:
        return made(logical_id, properties, stack_name)
    name = properties["AlarmName"]
    return name, {"Arn": f"arn:aws:cloudwatch:eu-west-1:000000000000:alarm:{name}"}


if __name__ == "__main__":
    ecs._get_docker = lambda: None  # where there is a Docker, tasks would be run there
    known = provisioners._RESOURCE_HANDLERS
    made = known[ALARM]["create"]
    known[ALARM] = {**known[ALARM], "create": alarm}
    for kind, attributes in ATTRIBUTES.items():
        assert kind not in known, f"MiniStack knows {kind} now"
        known[kind] = {"create": creator(attributes), "delete": delete}
    main()

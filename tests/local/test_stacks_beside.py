"""The stacks beside template.yaml are created by CloudFormation, with every choice that changes what is made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from samtranslator.yaml_helper import yaml_parse

from tests.cloud import Cloud, unique

STACKS = Path(__file__).parents[2] / "stacks"


class Deployed:
    """A stack, and what it made."""

    def __init__(self, cloud: Cloud, file: str, given: Mapping[str, str]) -> None:
        self._cloud, self.name = cloud, unique("stack")
        self._cloudformation = cloud.client("cloudformation")
        template = yaml_parse((STACKS / file).read_text("utf-8"))
        needed = {name: unique(name) for name, one in template["Parameters"].items() if "Default" not in one}
        self._cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(without_metric_math(template)),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in {**needed, **given}.items()],
        )
        with suppress(WaiterError):
            waiter = self._cloudformation.get_waiter("stack_create_complete")
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        failed = [one for one in self._events() if one["ResourceStatus"].endswith("FAILED")]
        assert not failed, [(one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in failed]

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return found

    def made(self) -> dict[str, str]:
        """Return the types of its resources by their logical ids."""
        (page,) = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {one["LogicalResourceId"]: one["ResourceType"] for one in page["StackResourceSummaries"]}

    def delete(self) -> None:
        """Remove it."""
        self._cloudformation.delete_stack(StackName=self.name)


def without_metric_math(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template whose alarms measure the first of their metrics alone: MiniStack takes no expressions."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            _, first, *_ = resource["Properties"].pop("Metrics")
            stat = first["MetricStat"]
            resource["Properties"] |= {**stat["Metric"], "Statistic": stat["Stat"], "Period": stat["Period"]}
    return template


@pytest.fixture
def cloud(ministack: str) -> Iterator[Cloud]:
    """Return clients of the emulated AWS."""
    opened = Cloud(ministack)
    yield opened
    opened.close()


@pytest.fixture
def deploy(cloud: Cloud) -> Iterator[Any]:
    """Return a function that creates a stack, which is gone in the end."""
    made: list[Deployed] = []

    def create(file: str, **given: str) -> Deployed:
        made.append(Deployed(cloud, file, given))
        return made[-1]

    yield create
    for stack in made:
        stack.delete()


DATABASES = [
    pytest.param({}, set(), id="none of ours"),
    pytest.param({"Database": "aurora", "InventoryDatabase": "one"}, {"DatabaseCapacity"}, id="Aurora"),
    pytest.param({"Database": "instance", "InventoryDatabase": "one"}, {"DatabaseStorage"}, id="an instance"),
    pytest.param(
        {"Database": "aurora", "InventoryDatabase": "one", "ProductDatabase": "two", "UserDatabase": "three"},
        {"DatabaseCapacity"},
        id="three clusters",
    ),
]


@pytest.mark.parametrize(("database", "own"), DATABASES)
@pytest.mark.parametrize("email", ["", "ops@example.com"])
def test_alarms_and_dashboard_are_made_for_every_kind_of_database(
    deploy: Any, cloud: Cloud, database: dict[str, str], own: set[str], email: str
) -> None:
    service = unique("shop")

    stack = deploy("observe.yaml", Service=service, AlarmEmail=email, **database)

    alarms = {name for name, kind in stack.made().items() if kind == "AWS::CloudWatch::Alarm"}
    found = cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix=service)["MetricAlarms"]
    assert {one["AlarmName"] for one in found} == {f"{service}-{name}" for name in alarms}
    assert {name for name in alarms if name.startswith("Database")} == (
        {"DatabaseBusy", "DatabaseConnections", *own} if database else set()
    )
    assert [bool(one["AlarmActions"]) for one in found] == [bool(email)] * len(found)
    body = cloud.client("cloudwatch").get_dashboard(DashboardName=service)["DashboardBody"]
    first, *others = json.loads(body)["widgets"]
    assert {re.sub(r".*:", "", arn) for arn in first["properties"]["alarms"]} == {one["AlarmName"] for one in found}
    assert "${" not in body
    assert bool(database) == any("PostgreSQL" in one["properties"]["title"] for one in others)

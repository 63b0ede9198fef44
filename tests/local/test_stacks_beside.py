"""The stacks beside template.yaml are created by CloudFormation, with every choice that changes what is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from samtranslator.yaml_helper import yaml_parse

from delivery.items_as_images import as_images
from local.template import translate
from tests.cloud import unique
from tests.local.emulated import client

STACKS = Path(__file__).parents[2] / "stacks"
Clients = Callable[[str], Any]


class Deployed:
    """A stack, and what it made."""

    def __init__(self, clients: Clients, template: dict[str, Any], given: Mapping[str, str]) -> None:
        self.name = unique("stack")
        self._cloudformation = clients("cloudformation")
        asked = {name: one for name, one in template["Parameters"].items() if "Default" not in one}
        needed = {name: one.get("AllowedValues", [unique(name)])[0] for name, one in asked.items()}
        s3 = clients("s3")
        s3.create_bucket(Bucket=self.name)
        s3.put_object(Bucket=self.name, Key="template", Body=json.dumps(without_metric_math(template)).encode())
        self._cloudformation.create_stack(
            StackName=self.name,
            TemplateURL=f"{s3.meta.endpoint_url}/{self.name}/template",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in {**needed, **given}.items()],
        )
        with suppress(WaiterError):
            waiter = self._cloudformation.get_waiter("stack_create_complete")
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [one for one in events if one["ResourceStatus"].endswith("FAILED")]
        assert not failed, [(one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in failed]

    def made(self) -> dict[str, tuple[str, str]]:
        """Return type and physical id of its resources by their logical ids."""
        (page,) = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"])
            for one in page["StackResourceSummaries"]
        }

    def outputs(self) -> dict[str, str]:
        """Return what it says of itself."""
        (stack,) = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

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
def clients(ministack: str) -> Iterator[Clients]:
    """Return a function that gives clients of the emulated AWS."""
    with ExitStack() as opened:
        yield cache(lambda service: opened.enter_context(closing(client(service, ministack))))


@pytest.fixture
def deploy(clients: Clients) -> Iterator[Callable[..., Deployed]]:
    """Return a function that creates a stack, which is gone in the end."""
    made: list[Deployed] = []

    def create(file: str, **given: str) -> Deployed:
        made.append(Deployed(clients, yaml_parse((STACKS / file).read_text("utf-8")), given))
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
    deploy: Callable[..., Deployed], clients: Clients, database: dict[str, str], own: set[str], email: str
) -> None:
    service = unique("shop")

    stack = deploy("observe.yaml", Service=service, AlarmEmail=email, **database)

    alarms = {name for name, (kind, _) in stack.made().items() if kind == "AWS::CloudWatch::Alarm"}
    found = clients("cloudwatch").describe_alarms(AlarmNamePrefix=service)["MetricAlarms"]
    assert {one["AlarmName"] for one in found} == {f"{service}-{name}" for name in alarms}
    assert {name for name in alarms if name.startswith("Database")} == (
        {"DatabaseBusy", "DatabaseConnections", *own} if database else set()
    )
    assert [bool(one["AlarmActions"]) for one in found] == [bool(email)] * len(found)
    body = clients("cloudwatch").get_dashboard(DashboardName=service)["DashboardBody"]
    first, *others = json.loads(body)["widgets"]
    assert {re.sub(r".*:", "", arn) for arn in first["properties"]["alarms"]} == {one["AlarmName"] for one in found}
    assert "${" not in body
    assert bool(database) == any("PostgreSQL" in one["properties"]["title"] for one in others)


NAMED = {
    "DomainName": "shop.example",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/0",
    "HostedZoneId": "Z1",
}


@pytest.mark.parametrize("named", [{}, NAMED], ids=["CloudFront's name", "a name of one's own"])
def test_the_edge_sends_what_its_secret_holds(
    deploy: Callable[..., Deployed], clients: Clients, named: dict[str, str]
) -> None:
    """Without logs, whose delivery MiniStack's CloudFormation does not make."""
    if named:
        made = clients("route53").create_hosted_zone(Name="shop.example", CallerReference=unique())
        named = {**named, "HostedZoneId": made["HostedZone"]["Id"].removeprefix("/hostedzone/")}
    stack = deploy("edge.yaml", ApiDomainName="api.example.com", ApiRegion="eu-west-1", Logs="off", **named)

    resources = stack.made()
    secrets = clients("secretsmanager")
    found = secrets.get_secret_value(SecretId=resources["OriginSecret"][1])
    secret = json.loads(found["SecretString"])
    config = clients("cloudfront").get_distribution_config(Id=resources["Distribution"][1])["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    (sent,) = origin["CustomHeaders"]["Items"]
    assert secret["previous"] == ""
    assert len(secret["newest"]) == 64
    assert (sent["HeaderName"], sent["HeaderValue"]) == ("x-origin-secret", secret["newest"])
    assert stack.outputs()["OriginSecretArn"] == found["ARN"].replace("us-east-1", "eu-west-1")
    assert stack.outputs()["Url"] == (
        "https://shop.example" if named else f"https://{stack.outputs()['DistributionDomainName']}"
    )
    assert {"NameV4", "NameV6"} & resources.keys() == ({"NameV4", "NameV6"} if named else set())


ITEMS = [
    pytest.param({}, {"UserPool", "UserPoolClient", "AdmitSignUpFunction"}, id="all its own"),
    pytest.param({"UserPoolId": "us-east-1_any", "UserPoolClientId": "any"}, set(), id="a pool that exists"),
    pytest.param(
        {"AccessLogs": "create", "Stage": "prod", "CorsOrigins": "https://shop.example"},
        {"UserPool", "UserPoolClient", "AdmitSignUpFunction", "AccessLog", "LogRole", "LogAccount"},
        id="prod with logs",
    ),
]


@pytest.mark.parametrize(("given", "own"), ITEMS)
def test_items_alone_are_made_behind_a_rest_api(clients: Clients, given: dict[str, str], own: set[str]) -> None:
    template = translate(STACKS / "items.yaml", given, "us-east-1")

    stack = Deployed(clients, template, given)

    made = stack.made()
    optional = {"UserPool", "UserPoolClient", "AdmitSignUpFunction", "AccessLog", "LogRole", "LogAccount"}
    assert made.keys() & optional == own
    api = made["Api"][1]
    paths = {one["path"] for one in clients("apigateway").get_resources(restApiId=api, limit=500)["items"]}
    assert {"/item", "/item/{id}", "/user/register", "/user/login", "/health", "/{proxy+}"} <= paths
    (stage,) = clients("apigateway").get_stages(restApiId=api)["item"]
    assert stage["stageName"] == "v1"
    assert stack.outputs()["ApiUrl"].endswith("/v1")
    stack.delete()


def test_items_alone_are_made_of_an_image(clients: Clients, tmp_path: Path) -> None:
    file = tmp_path / "items.json"
    file.write_text(json.dumps(as_images(yaml_parse((STACKS / "items.yaml").read_text("utf-8")))))
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/tradepost/lambda:any"

    stack = Deployed(clients, translate(file, {"ImageUri": image}, "us-east-1"), {"ImageUri": image})

    functions = [id_ for kind, id_ in stack.made().values() if kind == "AWS::Lambda::Function"]
    found = [clients("lambda").get_function(FunctionName=name) for name in functions]
    assert len(found) == 12
    assert {(one["Configuration"]["PackageType"], one["Code"]["ImageUri"]) for one in found} == {("Image", image)}
    stack.delete()


def test_images_have_a_registry_in_which_they_never_change(deploy: Callable[..., Deployed], clients: Clients) -> None:
    name = unique("shop").lower()

    stack = deploy("images.yaml", Name=name, Kept="5")

    found = {
        one["repositoryName"]: one
        for one in clients("ecr").describe_repositories()["repositories"]
        if one["repositoryName"].startswith(name)
    }
    assert found.keys() == {f"{name}/lambda", f"{name}/service", f"{name}/proxy"}
    assert {one["imageTagMutability"] for one in found.values()} == {"IMMUTABLE"}
    assert stack.outputs()["ProxyRepositoryUri"] == found[f"{name}/proxy"]["repositoryUri"]

"""The services in containers as they are deployed: what their roles may do, where the emulated AWS enforces it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.template import translate
from tests.cloud import REGION, Cloud
from tests.stacks import CONTAINERS, FOLDER, deploy, outputs, resources, stack
from tests.template import FILE

pytestmark = pytest.mark.timeout(120)

SERVICES = ("Product", "User", "Inventory")
KEY = {"sku": {"S": "TEA"}}


@pytest.fixture(scope="module")
def name(aws: Cloud) -> str:
    """Deploy it, but for what refuses calls without TLS, which the emulated AWS does not speak."""
    template = translate(FILE, CONTAINERS, REGION)
    del template["Resources"]["QueuesByTlsAlone"]
    return deploy(aws, template, FILE.parent, **CONTAINERS)


@pytest.fixture(scope="module")
def made(aws: Cloud, name: str) -> dict[str, str]:
    return resources(aws, name)


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def as_service(aws: Cloud, name: str, service: str, kind: str) -> Any:
    """Return a client with the role of a service's tasks, which by itself trusts ECS alone."""
    role = outputs(aws, name)[f"{service}ServiceRoleArn"]
    aws.client("iam").update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(TRUST))
    keys = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="task")["Credentials"]
    return aws.client(kind, (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]))


def denied(call: Any, **arguments: Any) -> bool:
    """Say whether AWS denies a call."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    return bool(refusal.value.response["Error"]["Code"].startswith("AccessDenied"))


@pytest.mark.parametrize("service", ["Product", "User"])
def test_product_and_user_read_the_inventory_and_write_nothing_there(
    aws: Cloud, name: str, made: dict[str, str], service: str
) -> None:
    dynamodb, table = as_service(aws, name, service, "dynamodb"), made["InventoryTable"]

    assert "Items" in dynamodb.scan(TableName=table)
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"sku": {"S": "none"}})
    assert denied(dynamodb.put_item, TableName=table, Item=KEY)
    assert denied(dynamodb.update_item, TableName=table, Key=KEY)
    assert denied(dynamodb.delete_item, TableName=table, Key=KEY)
    assert denied(dynamodb.batch_write_item, RequestItems={table: [{"PutRequest": {"Item": KEY}}]})


def test_inventory_reads_and_writes_the_inventory(aws: Cloud, name: str, made: dict[str, str]) -> None:
    dynamodb, table = as_service(aws, name, "Inventory", "dynamodb"), made["InventoryTable"]

    dynamodb.put_item(TableName=table, Item=KEY)
    dynamodb.update_item(TableName=table, Key=KEY)
    dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": KEY}}]})
    assert dynamodb.get_item(TableName=table, Key=KEY)["Item"] == KEY
    dynamodb.delete_item(TableName=table, Key=KEY)
    assert denied(dynamodb.delete_table, TableName=table)


@pytest.mark.parametrize(
    ("service", "own"), [("Product", {"Product"}), ("User", {"User"}), ("Inventory", {"Product", "Inventory"})]
)
def test_a_service_learns_the_passwords_of_its_own_databases_alone(
    aws: Cloud, name: str, made: dict[str, str], service: str, own: set[str]
) -> None:
    secrets = as_service(aws, name, service, "secretsmanager")

    for other in SERVICES:
        secret = made[f"{other}Secret"]
        if other in own:
            assert secrets.get_secret_value(SecretId=secret)["SecretString"]
        else:
            assert denied(secrets.get_secret_value, SecretId=secret)


def test_only_inventory_sends_to_queues_and_stream_and_only_user_manages_accounts(
    aws: Cloud, name: str, made: dict[str, str]
) -> None:
    record = {"StreamName": made["Stream"], "Records": [{"Data": b"1", "PartitionKey": "1"}]}
    message = {"QueueUrl": made["OrdersQueue"], "MessageBody": "1"}
    person = {"UserPoolId": made["UserPool"], "Username": "nobody"}

    as_service(aws, name, "Inventory", "kinesis").put_records(**record)
    as_service(aws, name, "Inventory", "sqs").send_message(**message)
    assert denied(as_service(aws, name, "Inventory", "sqs").receive_message, QueueUrl=made["OrdersQueue"])
    for letters in ("OrdersDeadLetters", "ShippingDeadLetters", "ProjectionFailures"):
        as_service(aws, name, "Inventory", "sqs").receive_message(QueueUrl=made[letters])
    for other in ("Product", "User"):
        assert denied(as_service(aws, name, other, "kinesis").put_records, **record)
        assert denied(as_service(aws, name, other, "sqs").send_message, **message)
    with pytest.raises(ClientError, match="UserNotFound"):
        as_service(aws, name, "User", "cognito-idp").admin_get_user(**person)
    for other in ("Product", "Inventory"):
        assert denied(as_service(aws, name, other, "cognito-idp").admin_get_user, **person)


@pytest.mark.parametrize("service", SERVICES)
def test_who_starts_tasks_pulls_from_the_repositories_of_the_two_images(
    aws: Cloud, made: dict[str, str], service: str
) -> None:
    role = made[f"Containers/{service}ExecutionRole"]
    policy = aws.client("iam").get_role_policy(RoleName=role, PolicyName="Start")["PolicyDocument"]
    (pull,) = [one for one in policy["Statement"] if "ecr:BatchGetImage" in one["Action"]]

    assert pull["Resource"] == [
        f"arn:aws:ecr:{REGION}:000000000000:repository/tradepost/service",
        f"arn:aws:ecr:{REGION}:000000000000:repository/tradepost/proxy",
    ]


def test_tasks_are_told_where_everything_is(aws: Cloud, name: str, made: dict[str, str]) -> None:
    found = aws.client("ecs").describe_task_definition(taskDefinition=made["Containers/InventoryTask"])
    service, proxy = found["taskDefinition"]["containerDefinitions"]
    told = {one["name"]: one["value"] for one in service["environment"]}

    assert told["SERVICE"] == "inventory"
    assert told["ORDERS_QUEUE_URL"] == made["OrdersQueue"]
    assert told["TOKEN_ISSUER"] == f"https://cognito-idp.{REGION}.amazonaws.com/{made['UserPool']}"
    assert {one["name"]: one["value"] for one in proxy["environment"]}["TRUSTED"] == "10.40.0.0/16"
    assert outputs(aws, name)["ClusterId"] == made["Containers/Cluster"]


def test_the_edge_reaches_the_load_balancer_within_its_network(aws: Cloud, name: str) -> None:
    """Here in another region than us-east-1, which the stack is otherwise in alone."""
    edge = {key: part for key, part in stack("edge").items() if key != "Rules"}
    choices = {"ApiDomainName": "api.shop.example", "ApiRegion": "us-east-1", "Logs": "off"}

    behind = deploy(aws, edge, FOLDER, **choices, LoadBalancerArn=outputs(aws, name)["LoadBalancerArn"])

    found = resources(aws, behind)
    config = aws.client("cloudfront").get_distribution_config(Id=found["Distribution"])["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    assert origin["DomainName"] == "api.shop.example"
    assert origin["VpcOriginConfig"]["VpcOriginId"] == found["VpcOrigin"]
    assert "CustomOriginConfig" not in origin

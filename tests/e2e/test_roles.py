"""Least privilege: a function's role allows what the function does, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.running import Up
from tests.e2e.shop import Shop
from tests.privileges.judging import Record

SECRETS = ("tradepost/database", "ProductSecret", "InventorySecret", "UserSecret")
"""The master's, whose name is known, and the services', by their logical ids."""
DENIALS = {"AccessDenied", "AccessDeniedException", "InvalidSignatureException", "SignatureDoesNotMatch"}

pytestmark = pytest.mark.xdist_group("e2e")


def as_function(shop: Shop, function: str, service: str) -> Any:
    """Return a client with the role of a function."""
    return client(shop, service, credentials(shop, function))


def credentials(shop: Shop, function: str) -> Any:
    """Return temporary keys of a function's role."""
    role = shop.info.client("iam").get_role(RoleName=shop.info.resources[f"{function}Role"])["Role"]["Arn"]
    return shop.info.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]


def client(shop: Shop, service: str, keys: Mapping[str, Any]) -> Any:
    """Return a client with those keys."""
    return boto3.client(
        service,
        endpoint_url=shop.info.aws_url,
        region_name=shop.info.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def denied(call: Any, **arguments: Any) -> bool:
    """Say whether AWS denies a call."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    return refusal.value.response["Error"]["Code"] in DENIALS


def tried(shop: Shop) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a call for each action that any role allows: the method of a client, and what it takes."""
    there = shop.info.resources
    table, key = {"TableName": there["ItemsTable"]}, {"Key": {"id": {"S": "1"}}}
    queue, letter = {"QueueUrl": there["OrdersQueue"]}, {"ReceiptHandle": "1"}
    person = {"UserPoolId": there["UserPool"], "Username": "customer"}
    session = {"UserPoolId": there["UserPool"], "ClientId": there["UserPoolClient"]}
    record, secret = {"Data": b"1", "PartitionKey": "1"}, {"SecretId": there["ProductSecret"]}
    return {
        "dynamodb:GetItem": ("get_item", {**table, **key}),
        "dynamodb:PutItem": ("put_item", {**table, "Item": key["Key"]}),
        "dynamodb:UpdateItem": ("update_item", {**table, **key}),
        "dynamodb:DeleteItem": ("delete_item", {**table, **key}),
        "dynamodb:BatchGetItem": ("batch_get_item", {"RequestItems": {table["TableName"]: {"Keys": [key["Key"]]}}}),
        "dynamodb:Query": (
            "query",
            {**table, "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "1"}}},
        ),
        "dynamodb:Scan": ("scan", table),
        "kinesis:PutRecords": ("put_records", {"StreamName": there["Stream"], "Records": [record]}),
        "secretsmanager:GetSecretValue": ("get_secret_value", secret),
        "secretsmanager:DescribeSecret": ("describe_secret", secret),
        "secretsmanager:PutSecretValue": ("put_secret_value", {**secret, "SecretString": "{}"}),
        "secretsmanager:UpdateSecretVersionStage": (
            "update_secret_version_stage",
            {**secret, "VersionStage": "AWSPENDING"},
        ),
        "sqs:SendMessage": ("send_message", {**queue, "MessageBody": "1"}),
        "sqs:ReceiveMessage": ("receive_message", queue),
        "sqs:DeleteMessage": ("delete_message", {**queue, **letter}),
        "sqs:ChangeMessageVisibility": ("change_message_visibility", {**queue, **letter, "VisibilityTimeout": 0}),
        "sqs:GetQueueAttributes": ("get_queue_attributes", {**queue, "AttributeNames": ["All"]}),
        "cognito-idp:AdminGetUser": ("admin_get_user", person),
        "cognito-idp:AdminCreateUser": ("admin_create_user", person),
        "cognito-idp:AdminDeleteUser": ("admin_delete_user", person),
        "cognito-idp:AdminInitiateAuth": ("admin_initiate_auth", {**session, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}),
        "cognito-idp:AdminRespondToAuthChallenge": (
            "admin_respond_to_auth_challenge",
            {**session, "ChallengeName": "NEW_PASSWORD_REQUIRED"},
        ),
    }


def test_every_action_that_a_role_allows_is_denied_to_a_role_that_does_not(stack: Up, shop: Shop) -> None:
    """The emulated AWS looks at each of them, so that a stack that runs says something about its roles."""
    calls, keys = tried(shop), credentials(shop, "HealthFunction")
    record = Record.read(stack.record)

    assert record
    assert {grant.action for grant in record.granted()} == set(calls)
    for action, (method, arguments) in calls.items():
        assert denied(getattr(client(shop, action.partition(":")[0], keys), method), **arguments), action


def test_who_shows_stock_reads_its_table_and_writes_nothing(shop: Shop) -> None:
    dynamodb, tables = as_function(shop, "GetInventoryFunction", "dynamodb"), shop.info.resources
    key = {"sku": {"S": "85123A"}}
    assert dynamodb.get_item(TableName=tables["InventoryTable"], Key=key)["Item"]
    assert denied(dynamodb.put_item, TableName=tables["InventoryTable"], Item=key)
    assert denied(dynamodb.delete_item, TableName=tables["InventoryTable"], Key=key)
    assert denied(dynamodb.scan, TableName=tables["InventoryTable"])


def test_who_lists_stock_scans_its_table_and_nothing_else(shop: Shop) -> None:
    dynamodb, tables = as_function(shop, "ListInventoryFunction", "dynamodb"), shop.info.resources
    assert dynamodb.scan(TableName=tables["InventoryTable"])["Items"]
    assert denied(dynamodb.put_item, TableName=tables["InventoryTable"], Item={"sku": {"S": "85123A"}})
    assert denied(dynamodb.scan, TableName=tables["UsersTable"])


def test_who_shows_stock_sees_no_people(shop: Shop) -> None:
    dynamodb, users = as_function(shop, "GetInventoryFunction", "dynamodb"), shop.info.resources["UsersTable"]
    assert denied(dynamodb.get_item, TableName=users, Key={"id": {"S": "1"}})
    assert denied(dynamodb.scan, TableName=users)


def test_who_knows_no_database_learns_no_password(shop: Shop) -> None:
    secrets = as_function(shop, "GetInventoryFunction", "secretsmanager")
    for secret in SECRETS:
        assert denied(secrets.get_secret_value, SecretId=shop.info.resources.get(secret, secret))


@pytest.mark.parametrize(
    ("function", "own"),
    [
        ("GetProductFunction", {"ProductSecret"}),
        ("GetOrderFunction", {"InventorySecret"}),
        ("CreateOrderFunction", {"ProductSecret", "InventorySecret"}),
        ("MigrateDatabaseFunction", set(SECRETS)),
    ],
)
def test_a_function_learns_the_passwords_of_its_own_services_alone(shop: Shop, function: str, own: set[str]) -> None:
    secrets, names = as_function(shop, function, "secretsmanager"), shop.info.resources
    for secret in SECRETS:
        if secret in own:
            assert secrets.get_secret_value(SecretId=names.get(secret, secret))["SecretString"]
        else:
            assert denied(secrets.get_secret_value, SecretId=names.get(secret, secret))
        assert denied(secrets.put_secret_value, SecretId=names.get(secret, secret), SecretString="{}")


def test_who_places_orders_sends_to_the_first_queue_only(shop: Shop) -> None:
    sqs, queues = as_function(shop, "CreateOrderFunction", "sqs"), shop.info.resources
    assert denied(sqs.send_message, QueueUrl=queues["ShippingQueue"], MessageBody="{}")
    assert denied(sqs.receive_message, QueueUrl=queues["OrdersQueue"])
    assert denied(sqs.purge_queue, QueueUrl=queues["OrdersQueue"])


def test_a_guessed_secret_opens_nothing(shop: Shop) -> None:
    assumed = credentials(shop, "ReconcileFunction")
    table = shop.info.resources["InventoryTable"]
    assert client(shop, "dynamodb", assumed).scan(TableName=table)["Items"]
    guessed = client(shop, "dynamodb", {**assumed, "SecretAccessKey": "guessed"})
    assert denied(guessed.scan, TableName=table)


def test_who_lists_dead_letters_takes_none_away(shop: Shop) -> None:
    sqs, queues = as_function(shop, "ListDeadLettersFunction", "sqs"), shop.info.resources
    for name in ("OrdersDeadLetters", "ShippingDeadLetters", "ProjectionFailures"):
        assert "Messages" not in sqs.receive_message(QueueUrl=queues[name])
        assert denied(sqs.delete_message, QueueUrl=queues[name], ReceiptHandle="1")
        assert denied(sqs.purge_queue, QueueUrl=queues[name])
    assert denied(sqs.receive_message, QueueUrl=queues["OrdersQueue"])
    assert denied(sqs.send_message, QueueUrl=queues["OrdersQueue"], MessageBody="1")


def test_who_sends_dead_letters_back_decides_no_order_and_who_purges_them_sends_none(shop: Shop) -> None:
    sends, purges = (credentials(shop, f"{name}DeadLettersFunction") for name in ("Redrive", "Purge"))
    queues = shop.info.resources
    assert denied(client(shop, "secretsmanager", sends).get_secret_value, SecretId="tradepost/database")
    assert denied(client(shop, "sqs", sends).receive_message, QueueUrl=queues["OrdersQueue"])
    for name in ("OrdersQueue", "ShippingQueue", "OrdersDeadLetters"):
        assert denied(client(shop, "sqs", purges).send_message, QueueUrl=queues[name], MessageBody="1")


def test_who_notes_failures_reads_none(shop: Shop) -> None:
    dynamodb, tables = as_function(shop, "ProcessOrdersFunction", "dynamodb"), shop.info.resources
    assert denied(dynamodb.get_item, TableName=tables["FailuresTable"], Key={"id": {"S": "1"}})
    assert denied(dynamodb.scan, TableName=tables["FailuresTable"])


def test_aws_s_own_policies_end_at_the_stack_s_boundary(shop: Shop) -> None:
    """The one that lets a function read its queue allows every queue of the account."""
    elsewhere = shop.info.client("sqs").create_queue(QueueName="somebody-elses")["QueueUrl"]
    sqs = as_function(shop, "ProcessOrdersFunction", "sqs")

    assert sqs.get_queue_attributes(QueueUrl=shop.info.resources["OrdersQueue"])
    assert denied(sqs.receive_message, QueueUrl=elsewhere)
    assert denied(sqs.get_queue_attributes, QueueUrl=elsewhere)

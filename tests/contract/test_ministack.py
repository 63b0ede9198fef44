"""What we rely on in the emulated AWS, so that an update of it cannot take it away unseen."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud import Cloud, unique
from tests.together import together


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def role(cloud: Cloud, *statements: dict[str, Any]) -> tuple[str, str, str]:
    """Return the keys of a session of a new role that may do what the statements say."""
    iam, name = cloud.client("iam"), unique()
    trust = policy({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    keys = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
    return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_role_may_do_what_its_policy_says_to_that_table_alone(ministack: Cloud) -> None:
    mine, other = ministack.table("InventoryTable"), ministack.table("InventoryTable")
    arn = ministack.client("dynamodb").describe_table(TableName=mine)["Table"]["TableArn"]
    client = ministack.client("dynamodb", role(ministack, {"Action": ["dynamodb:GetItem"], "Resource": arn}))
    tea = {"sku": {"S": "TEA"}}

    assert "Item" not in client.get_item(TableName=mine, Key=tea)
    with pytest.raises(ClientError) as action:
        client.put_item(TableName=mine, Item=tea)
    with pytest.raises(ClientError) as table:
        client.get_item(TableName=other, Key=tea)

    assert code(action) == code(table) == "AccessDeniedException"


def test_a_role_may_send_to_its_queue_alone(ministack: Cloud) -> None:
    mine, other = ministack.queue(), ministack.queue()
    sqs = ministack.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=mine, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client = ministack.client("sqs", role(ministack, {"Action": ["sqs:SendMessage*"], "Resource": arn}))
    entries = [{"Id": "1", "MessageBody": "{}"}]

    assert client.send_message_batch(QueueUrl=mine, Entries=entries)["Successful"]
    with pytest.raises(ClientError) as error:
        client.send_message_batch(QueueUrl=other, Entries=entries)

    assert "AccessDenied" in code(error)


def test_a_wrong_signature_is_refused(ministack: Cloud) -> None:
    access_key, _, token = role(ministack, {"Action": ["dynamodb:*"], "Resource": "*"})
    client = ministack.client("dynamodb", (access_key, "not-the-secret", token))

    with pytest.raises(ClientError) as error:
        client.list_tables()

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_conditional_updates_of_fifty_threads_never_oversell(ministack: Cloud) -> None:
    client, table = ministack.client("dynamodb"), ministack.table("InventoryTable")
    client.put_item(TableName=table, Item={"sku": {"S": "TEA"}, "left": {"N": "10"}})

    def take(_: int) -> bool:
        try:
            client.update_item(
                TableName=table,
                Key={"sku": {"S": "TEA"}},
                UpdateExpression="SET #left = #left - :one",
                ConditionExpression="#left >= :one",
                ExpressionAttributeNames={"#left": "left"},
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    assert Counter(together(50, take)) == {True: 10, False: 40}
    assert client.get_item(TableName=table, Key={"sku": {"S": "TEA"}})["Item"]["left"] == {"N": "0"}


def test_an_index_keeps_up(ministack: Cloud) -> None:
    client, table = ministack.client("dynamodb"), ministack.table("UsersTable")
    client.put_item(TableName=table, Item={"id": {"S": "1"}, "username": {"S": "ann"}})

    found = client.query(
        TableName=table,
        IndexName="username",
        KeyConditionExpression="username = :name",
        ExpressionAttributeValues={":name": {"S": "ann"}},
    )

    assert [one["id"]["S"] for one in found["Items"]] == ["1"]


def test_a_stack_that_fails_is_rolled_back(ministack: Cloud) -> None:
    """Not called complete, as some emulators do, with half of its resources left behind."""
    cloudformation, table = ministack.client("cloudformation"), unique("rollback")
    template = {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": table,
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                },
            },
            "Unknown": {"Type": "AWS::Nowhere::Nothing", "DependsOn": "Table", "Properties": {}},
        }
    }
    name = unique("stack")

    status = _create(cloudformation, name, json.dumps(template))

    assert status in (None, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE")
    assert table not in ministack.client("dynamodb").list_tables()["TableNames"]


def _create(cloudformation: Any, name: str, body: str) -> str | None:
    """Return the status in which creating a stack ends, or None when it is refused at once."""
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=body)
    except ClientError:
        return None
    deadline = time.monotonic() + 20
    while (status := cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith("_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(status)

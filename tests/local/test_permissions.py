"""What requests to AWS need of a role."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.functions.permissions import Need, UnknownRequest, needs

ARN = "arn:aws:{}:eu-west-1:000000000000:{}"
QUEUE = "http://localhost:4566/000000000000/orders"
SECRET = ARN.format("secretsmanager", "secret:tea-AbCdEf")
TEA, CAKE = (ARN.format("dynamodb", f"table/{name}") for name in ("tea", "cake"))
STREAM = ARN.format("kinesis", "stream/steps")


def put(table: str) -> dict[str, Any]:
    return {"Put": {"TableName": table}}


@pytest.mark.parametrize(
    ("target", "body", "needed"),
    [
        ("DynamoDB_20120810.GetItem", {"TableName": "tea"}, {("dynamodb:GetItem", TEA)}),
        ("DynamoDB_20120810.GetItem", {"TableName": TEA}, {("dynamodb:GetItem", TEA)}),
        ("DynamoDB_20120810.Query", {"TableName": "tea", "IndexName": "x"}, {("dynamodb:Query", f"{TEA}/index/x")}),
        (
            "DynamoDB_20120810.BatchGetItem",
            {"RequestItems": {"tea": {}, "cake": {}}},
            {("dynamodb:BatchGetItem", TEA), ("dynamodb:BatchGetItem", CAKE)},
        ),
        (
            "DynamoDB_20120810.TransactWriteItems",
            {"TransactItems": [put("tea"), put("tea"), {"ConditionCheck": {"TableName": "cake"}}]},
            {("dynamodb:PutItem", TEA), ("dynamodb:ConditionCheckItem", CAKE)},
        ),
        (
            "DynamoDB_20120810.TransactGetItems",
            {"TransactItems": [{"Get": {"TableName": "tea"}}]},
            {("dynamodb:GetItem", TEA)},
        ),
        ("AmazonSQS.SendMessageBatch", {"QueueUrl": QUEUE}, {("sqs:SendMessage", ARN.format("sqs", "orders"))}),
        ("AmazonSQS.ReceiveMessage", {"QueueUrl": QUEUE}, {("sqs:ReceiveMessage", ARN.format("sqs", "orders"))}),
        ("Kinesis_20131202.PutRecords", {"StreamName": "steps"}, {("kinesis:PutRecords", STREAM)}),
        ("Kinesis_20131202.PutRecords", {"StreamARN": STREAM}, {("kinesis:PutRecords", STREAM)}),
        ("secretsmanager.GetSecretValue", {"SecretId": SECRET}, {("secretsmanager:GetSecretValue", SECRET)}),
        (
            "AWSCognitoIdentityProviderService.AdminGetUser",
            {"UserPoolId": "pool"},
            {("cognito-idp:AdminGetUser", ARN.format("cognito-idp", "userpool/pool"))},
        ),
        ("AWSCognitoIdentityProviderService.SignUp", {"ClientId": "client"}, {("cognito-idp:SignUp", "*")}),
    ],
)
def test_a_request_needs(target: str, body: dict[str, Any], needed: set[tuple[str, str]]) -> None:
    assert needs(target, json.dumps(body).encode(), "eu-west-1") == {Need(*one) for one in needed}


@pytest.mark.parametrize("target", ["", "TrentService.Decrypt"])
def test_what_nobody_knows_is_said(target: str) -> None:
    with pytest.raises(UnknownRequest, match=target or "X-Amz-Target"):
        needs(target, b"{}", "eu-west-1")

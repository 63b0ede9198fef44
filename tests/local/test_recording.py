"""The record of what functions ask of AWS: nothing changes on the way, and nothing is missing in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.functions.recording import Recorder, granted
from local.functions.service import Credentials
from local.model import Function
from tests import servers
from tests.cloud import REGION, Cloud, unique

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Bench:
    """A function with a role, which reaches its table through a recorder."""

    def __init__(self, cloud: Cloud, recorder: Recorder, file: Path) -> None:
        self.table = cloud.table("InventoryTable")
        self.arn = cloud.client("dynamodb").describe_table(TableName=self.table)["Table"]["TableArn"]
        self.statement = {"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": self.arn}
        self.iam = cloud.client("iam")
        self.function = Function("ShelfFunction", "shelf.handler", {}, 128, 3, self._role(), Path())
        self._cloud, self._recorder, self._file = cloud, recorder, file

    def _role(self) -> str:
        name = unique("role")
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [self.statement]})
        self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return str(arn)

    async def client(self, service: str) -> Any:
        keys = await self._recorder.assuming(self._assume)(self.function)
        await self._recorder.start("127.0.0.1")
        return Cloud(self._recorder.url).client(
            service, (keys.access_key_id, keys.secret_access_key, keys.session_token)
        )

    async def _assume(self, function: Function) -> Credentials:
        sts = self._cloud.client("sts")
        keys = sts.assume_role(RoleArn=function.role_arn, RoleSessionName="one")["Credentials"]
        return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], 0)

    def noted(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def call(self, action: str, resource: str | None, *, denied: bool = False) -> dict[str, Any]:
        return {"function": "ShelfFunction", "action": action, "resource": resource, "denied": denied}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return an emulated AWS that checks permissions."""
    with servers.ministack(tmp_path_factory.mktemp("ministack")) as cloud:
        yield cloud


@pytest.fixture
async def bench(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Bench]:
    assert cloud.endpoint
    recorder = Recorder(cloud.endpoint, REGION, tmp_path / "calls")
    yield Bench(cloud, recorder, tmp_path / "calls")
    await recorder.stop()


async def test_a_call_passes_and_each_kind_of_call_is_noted_once(bench: Bench) -> None:
    dynamodb = await bench.client("dynamodb")

    for sku in ("TEA", "CAKE"):
        await asyncio.to_thread(dynamodb.put_item, TableName=bench.table, Item={"sku": {"S": sku}})

    assert bench.noted() == [bench.call("dynamodb:PutItem", bench.arn)]


async def test_a_denied_call_is_noted_as_such(bench: Bench) -> None:
    dynamodb = await bench.client("dynamodb")

    with pytest.raises(ClientError, match="AccessDenied"):
        await asyncio.to_thread(dynamodb.scan, TableName=bench.table)

    assert bench.noted() == [bench.call("dynamodb:Scan", bench.arn, denied=True)]


async def test_a_call_that_nobody_can_judge_is_noted_too(bench: Bench) -> None:
    topics = await bench.client("sns")

    with pytest.raises(ClientError):
        await asyncio.to_thread(topics.list_topics)

    (noted,) = bench.noted()
    assert noted["resource"] is None
    assert "say it in local.functions.permissions" in noted["action"].lower()


async def test_what_an_app_client_asks_unsigned_is_nobodys(bench: Bench) -> None:
    cognito = await bench.client("cognito-idp")

    with pytest.raises(ClientError):
        await asyncio.to_thread(cognito.forgot_password, ClientId="unknown", Username="ann")

    forgot = {"function": None, "action": "cognito-idp:ForgotPassword", "resource": "*", "denied": False}
    assert bench.noted() == [forgot]


async def test_a_role_is_read_as_it_is_deployed(bench: Bench) -> None:
    """With policies of its own, policies of ours that it shares, and policies of AWS's."""
    shared = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "arn:aws:sqs:eu-west-1:000000000000:steps"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [shared]})
    role = bench.function.role_arn.rpartition("/")[2]
    ours = bench.iam.create_policy(PolicyName=unique("policy"), PolicyDocument=policy)["Policy"]["Arn"]
    aws = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    for arn in (ours, aws):
        bench.iam.attach_role_policy(RoleName=role, PolicyArn=arn)

    read = await granted(bench.iam, [bench.function])

    assert read == {"ShelfFunction": {"statements": [bench.statement, shared], "managed": [aws]}}

"""An emulated AWS as tests use it: clients that are closed in the end, and the template's tables."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.template import of_type

REGION = "eu-west-1"
DYNAMODB_LOCAL = Path(sys.executable).parents[1] / "dynamodb-local"
DYNAMODBS = ["moto", "ministack", *(["dynamodb_local"] if DYNAMODB_LOCAL.exists() else [])]
"""The fixtures that DynamoDB's adapters are tried on."""
ROOT = ("admin", "admin-secret")
"""The keys of the emulated account itself."""


def unique(prefix: str = "t") -> str:
    """Return a name that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Cloud:
    """AWS at an endpoint, or, without one, whatever stands in for it in this process."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint
        self.client = cache(self._client)
        self._open = ExitStack()

    def _client(self, service: str, keys: tuple[str, ...] = ROOT) -> Any:
        """Return a client with an account's keys, or with a role's three."""
        make: Any = boto3.client
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        client = make(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}),
            **dict(zip(names, keys, strict=False)),
        )
        return self._open.enter_context(closing(client))

    def close(self) -> None:
        """Close the clients."""
        self._open.close()

    def table(self, resource: str) -> str:
        """Create one of the template's tables under a new name; return the name."""
        properties = of_type("AWS::DynamoDB::Table")[resource]
        taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        name = unique(resource)
        self.client("dynamodb").create_table(TableName=name, **{k: v for k, v in properties.items() if k in taken})
        return name

    def queue(self) -> str:
        """Create a queue; return its URL."""
        return str(self.client("sqs").create_queue(QueueName=unique())["QueueUrl"])

    def secret(self, value: Mapping[str, Any]) -> str:
        """Create a secret; return its ARN."""
        made = self.client("secretsmanager").create_secret(Name=unique(), SecretString=json.dumps(value))
        return str(made["ARN"])

    def stream(self) -> str:
        """Create a stream of one shard; return its name."""
        kinesis, name = self.client("kinesis"), unique()
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        return name

    def messages(self, queue: str) -> list[Any]:
        """Take everything that a queue holds; return the messages."""
        sqs, found = self.client("sqs"), []
        while some := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found += some
            for one in some:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return found

    def records(self, stream: str) -> list[Any]:
        """Return everything that a stream holds, oldest first."""
        kinesis, found = self.client("kinesis"), []
        shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        while True:
            page = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            if not page["Records"]:
                return found
            found += page["Records"]
            iterator = page["NextShardIterator"]

    def user_pool(self) -> Mapping[str, str]:
        """Create the template's user pool, client and group; return the pool's and the client's id."""
        cognito = self.client("cognito-idp")
        (pool,), (client,) = (
            of_type("AWS::Cognito::UserPool").values(),
            of_type("AWS::Cognito::UserPoolClient").values(),
        )
        plain = {name: value for name, value in pool.items() if not re.search("'(Ref|Fn::If)'", str(value))}
        pool_id = cognito.create_user_pool(PoolName=unique(), **plain)["UserPool"]["Id"]
        (group,) = of_type("AWS::Cognito::UserPoolGroup").values()
        cognito.create_group(UserPoolId=pool_id, GroupName=group["GroupName"])
        settings = {name: value for name, value in client.items() if name != "UserPoolId"}
        made = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName=unique(), **settings)
        return {"pool": pool_id, "client": made["UserPoolClient"]["ClientId"]}


def minimal_environment(home: Path) -> Mapping[str, str]:
    """Return what a child process needs of ours, and nothing of what else we were given."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8"}

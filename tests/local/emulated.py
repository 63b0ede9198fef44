"""A MiniStack process, its queues and its streams."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config


@contextlib.contextmanager
def running_ministack(folder: Path) -> Iterator[str]:
    """Run a MiniStack on a free port, with a folder of its own; give its endpoint."""
    port = _free_port()
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("ministack")],
            cwd=folder,
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, "MiniStack ended"
        assert time.monotonic() < deadline, "MiniStack did not start"
        time.sleep(0.02)


def client(service: str, endpoint: str) -> Any:
    """Return a boto3 client, which the caller closes."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=50),
    )


@dataclass
class Queue:
    """A queue of the emulated AWS."""

    sqs: Any
    url: str
    arn: str

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def counts(self) -> tuple[int, int]:
        """Return how many messages are visible and how many are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(attributes[names[0]]), int(attributes[names[1]])

    def is_empty(self) -> bool:
        return self.counts() == (0, 0)


def make_queue(sqs: Any, name: str, **attributes: str) -> Queue:
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Queue(sqs, url, arn)


@dataclass
class Stream:
    """A stream of the emulated AWS."""

    kinesis: Any
    arn: str

    def put(self, *texts: str | bytes, key: str = "k") -> None:
        for start in range(0, len(texts), 500):
            records = [{"Data": text, "PartitionKey": key} for text in texts[start : start + 500]]
            self.kinesis.put_records(StreamARN=self.arn, Records=records)


def make_stream(kinesis: Any, name: str, shards: int) -> Stream:
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return Stream(kinesis, kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"])

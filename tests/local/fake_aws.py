"""SQS and Kinesis in memory, for faults that the emulated AWS does not have and answers that only AWS gives."""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

FIRST = "shardId-000000000000"


def contents(event: Any) -> list[str]:
    """Return what the event's records carry: the bodies of messages, the data of stream records."""
    return [record.get("body") or _data(record) for record in event["Records"]]


def _data(record: Any) -> str:
    return base64.b64decode(record["kinesis"]["data"]).decode()


def unreachable() -> Exception:
    """Return what boto3 raises when nothing listens."""
    return EndpointConnectionError(endpoint_url="http://nowhere")


def refused(code: str) -> Exception:
    """Return what boto3 raises when AWS answers with an error."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Anything")


class Faulty:
    """Calls raise the faults that they are given by name, one at a time."""

    def __init__(self) -> None:
        self.faults: dict[str, deque[Exception]] = {}

    def fail(self, call: str, *faults: Exception) -> None:
        self.faults[call] = deque(faults)

    def _stumble(self, call: str) -> None:
        if faults := self.faults.get(call):
            raise faults.popleft()


class FakeSqs(Faulty):
    """One queue, which never shows a message again."""

    def __init__(self, *bodies: str, visibility: int = 30) -> None:
        super().__init__()
        self.messages = deque(bodies)
        self.visibility = visibility
        self.deleted: list[str] = []
        self.shown: list[str] = []
        self.sent: list[str] = []

    def get_queue_url(self, **_: Any) -> Any:
        self._stumble("get_queue_url")
        return {"QueueUrl": "fake"}

    def get_queue_attributes(self, **_: Any) -> Any:
        return {"Attributes": {"VisibilityTimeout": str(self.visibility)}}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> Any:  # noqa: N803 - boto3's name
        self._stumble("receive_message")
        bodies = [self.messages.popleft() for _ in range(min(len(self.messages), MaxNumberOfMessages))]
        if not bodies:
            time.sleep(0.01)
        return {"Messages": [_message(body) for body in bodies]}

    def delete_message_batch(self, *, Entries: Any, **_: Any) -> Any:  # noqa: N803 - boto3's name
        self._stumble("delete_message_batch")
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, *, Entries: Any, **_: Any) -> Any:  # noqa: N803 - boto3's name
        self.shown += [entry["ReceiptHandle"] for entry in Entries]
        return {}

    def send_message(self, *, MessageBody: str, **_: Any) -> Any:  # noqa: N803 - boto3's name
        self._stumble("send_message")
        self.sent.append(MessageBody)
        return {}


def _message(body: str) -> Any:
    name = body[:32]
    return {"MessageId": name, "ReceiptHandle": name, "Body": body, "MD5OfBody": ""}


@dataclass
class FakeShard:
    """A shard's records; `closed` by resharding into the shards that name it as parent."""

    records: list[Any] = field(default_factory=list)
    parents: tuple[str, ...] = ()
    closed: bool = False

    def put(self, data: Iterable[str], key: str = "k") -> None:
        for text in data:
            record = {"SequenceNumber": text, "PartitionKey": key, "Data": text.encode()}
            self.records.append({**record, "ApproximateArrivalTimestamp": datetime.now(UTC)})


class FakeKinesis(Faulty):
    """One stream; iterators tell their place."""

    def __init__(self, **shards: FakeShard) -> None:
        super().__init__()
        self.shards = shards
        self.iterator_requests: list[Any] = []
        self.limits: list[int] = []

    def list_shards(self, **_: Any) -> Any:
        self._stumble("list_shards")
        return {"Shards": [_listed(name, shard) for name, shard in self.shards.items()]}

    def get_shard_iterator(self, **request: Any) -> Any:
        self.iterator_requests.append(request)
        records = self.shards[request["ShardId"]].records
        numbers = [record["SequenceNumber"] for record in records]
        times = [record["ApproximateArrivalTimestamp"] for record in records]
        match request["ShardIteratorType"]:
            case "TRIM_HORIZON":
                place = 0
            case "LATEST":
                place = len(records)
            case "AFTER_SEQUENCE_NUMBER":
                place = numbers.index(request["StartingSequenceNumber"]) + 1
            case "AT_TIMESTAMP":
                place = sum(moment < request["Timestamp"] - timedelta(milliseconds=1) for moment in times)
        return {"ShardIterator": f"{request['ShardId']} {place}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> Any:  # noqa: N803 - boto3's names
        self._stumble("get_records")
        self.limits.append(Limit)
        name, place = ShardIterator.split()
        shard = self.shards[name]
        end = min(int(place) + Limit, len(shard.records))
        over = shard.closed and end == len(shard.records)
        return {
            "Records": shard.records[int(place) : end],
            "MillisBehindLatest": 0 if end == len(shard.records) else 1,
            **({} if over else {"NextShardIterator": f"{name} {end}"}),
        }


def one_shard(*texts: str) -> FakeKinesis:
    """Return a stream whose records' sequence numbers are their texts."""
    kinesis = FakeKinesis(**{FIRST: FakeShard()})
    kinesis.shards[FIRST].put(texts)
    return kinesis


def _listed(name: str, shard: FakeShard) -> Any:
    range_ = {"StartingSequenceNumber": "0", **({"EndingSequenceNumber": "9"} if shard.closed else {})}
    parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
    return {"ShardId": name, "SequenceNumberRange": range_, **parents}

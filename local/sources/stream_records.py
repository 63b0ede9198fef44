"""Kinesis records as Lambda hands them to a function, and what it tells a destination about failed ones."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.model import StreamSource
from local.sources.answers import event_bytes


@dataclass(frozen=True)
class Entry:
    """A record read from a shard: its event record and that record's bytes."""

    event: dict[str, Any]
    size: int
    arrived: datetime

    @property
    def sequence(self) -> str:
        """The sequence number."""
        return str(self.event["kinesis"]["sequenceNumber"])

    @property
    def key(self) -> str:
        """The partition key."""
        return str(self.event["kinesis"]["partitionKey"])


def entries(records: Iterable[Mapping[str, Any]], shard_id: str, source: StreamSource) -> list[Entry]:
    """Turn records as boto3 reads them into entries."""
    return [_entry(record, shard_id, source) for record in records]


def _entry(record: Mapping[str, Any], shard_id: str, source: StreamSource) -> Entry:
    event = event_record(record, shard_id, source)
    return Entry(event, event_bytes(event), record["ApproximateArrivalTimestamp"])


def event_record(record: Mapping[str, Any], shard_id: str, source: StreamSource) -> dict[str, Any]:
    """Return the record in the shape of AWS Lambda, "Using Lambda with Amazon Kinesis".

    `invokeIdentityArn` names the role that SAM creates for the function by default.
    """
    _, _, _, region, account, _ = source.stream_arn.split(":")
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode("ascii"),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{account}:role/{source.function}Role",
        "awsRegion": region,
        "eventSourceARN": source.stream_arn,
    }


@dataclass(frozen=True)
class Batch:
    """Consecutive records of a shard, how often just these were tried, and the last try's function error."""

    entries: tuple[Entry, ...]
    invocations: int = 0
    error: str | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def cut(self, index: int) -> tuple[Batch, Batch]:
        """Return the records before `index` and those from it on, as batches not tried yet."""
        return Batch(self.entries[:index]), Batch(self.entries[index:])


def failure_notice(batch: Batch, condition: str, shard_id: str, source: StreamSource) -> dict[str, Any]:
    """Return what Lambda sends to an on-failure destination; it holds the records' place, not their data.

    Source: AWS Lambda, "Retain discarded batch records for a Kinesis Data Streams event source".
    """
    _, _, _, region, account, _ = source.stream_arn.split(":")
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:{region}:{account}:function:{source.function}",
            "condition": condition,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": batch.error,
        },
        "version": "1.0",
        "timestamp": _instant(datetime.now(UTC)),
        "KinesisBatchInfo": _batch_info(batch.entries, shard_id, source.stream_arn),
    }


def _batch_info(batch: Sequence[Entry], shard_id: str, stream_arn: str) -> dict[str, Any]:
    first, last = batch[0], batch[-1]
    return {
        "shardId": shard_id,
        "startSequenceNumber": first.sequence,
        "endSequenceNumber": last.sequence,
        "approximateArrivalOfFirstRecord": _instant(first.arrived),
        "approximateArrivalOfLastRecord": _instant(last.arrived),
        "batchSize": len(batch),
        "streamArn": stream_arn,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

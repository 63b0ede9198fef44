"""SQS messages as Lambda hands them to a function, and the batch that they wait in."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.sources.answers import EMPTY_EVENT_BYTES, PAYLOAD_LIMIT, event_bytes


@dataclass(frozen=True)
class Message:
    """A received message: its event record, that record's bytes, and when it came (monotonic seconds)."""

    event: dict[str, Any]
    size: int
    received: float

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.event["messageId"])

    @property
    def receipt(self) -> str:
        """The receipt handle, which deletes the message."""
        return str(self.event["receiptHandle"])


def received_message(message: Mapping[str, Any], queue_arn: str, now: float) -> Message:
    """Turn a message as boto3 receives it into a Message."""
    event = event_record(message, queue_arn)
    return Message(event, event_bytes(event), now)


def event_record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """Return the record of a message in the shape of AWS Lambda, "Using Lambda with Amazon SQS"."""
    attributes: Mapping[str, Mapping[str, Any]] = message.get("MessageAttributes", {})
    checksum = message.get("MD5OfMessageAttributes")
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        **({"md5OfMessageAttributes": checksum} if checksum else {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = _base64(value["BinaryValue"])
    attribute["stringListValues"] = list(value.get("StringListValues", []))
    attribute["binaryListValues"] = [_base64(item) for item in value.get("BinaryListValues", [])]
    attribute["dataType"] = value["DataType"]
    return attribute


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


class Gathering:
    """Messages that wait for their batch: until it is full, its payload is, or its window (seconds) is over.

    A message that comes again, because it became visible while it waited, takes its former self's place.
    """

    def __init__(self, batch_size: int, window: float) -> None:
        self._batch_size = batch_size
        self._window = window
        self._messages: dict[str, Message] = {}
        self._bytes = EMPTY_EVENT_BYTES
        self._began = 0.0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def room(self) -> int:
        """How many messages are missing to a full batch."""
        return self._batch_size - len(self._messages)

    def add(self, messages: Iterable[Message]) -> None:
        """Let messages wait with the others."""
        for message in messages:
            if not self._messages:
                self._began = message.received
            self._remove(message.id)
            self._messages[message.id] = message
            self._bytes += message.size

    def time_left(self, now: float) -> float:
        """Return the seconds until the window ends, which the first message began; all of it when empty."""
        return max(0.0, self._began + self._window - now) if self._messages else self._window

    def ripe(self, now: float) -> bool:
        """Say whether it is time to invoke."""
        full = self.room <= 0 or self._bytes > PAYLOAD_LIMIT
        return bool(self._messages) and (full or self.time_left(now) <= 0)

    def take(self) -> list[Message]:
        """Remove and return one batch; what does not fit begins the next."""
        batch: list[Message] = []
        size = EMPTY_EVENT_BYTES
        for message in list(self._messages.values()):
            size += message.size
            if len(batch) == self._batch_size or (batch and size > PAYLOAD_LIMIT):
                break
            batch.append(message)
            self._remove(message.id)
        self._began = next((message.received for message in self._messages.values()), 0.0)
        return batch

    def _remove(self, message_id: str) -> None:
        if message := self._messages.pop(message_id, None):
            self._bytes -= message.size

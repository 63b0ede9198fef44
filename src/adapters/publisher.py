"""Messages to SQS queues and the Kinesis stream, in batches, one part's failure never another's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from domain.outbox import Topic, Written

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

QUEUE_BATCH = 10
"""Most messages of one SendMessageBatch."""
STREAM_BATCH = 500
"""Most records of one PutRecords; ours are far below its 5 MB."""

Send = Callable[[Sequence[Written]], Collection[int]]


class AwsPublisher:
    """Sends each topic's messages to its queue or to the stream.

    A batch that fails, or the part of it that AWS refuses, is logged and stays in the outbox for a relay;
    the clients' own retries are the only ones.
    """

    def __init__(self, sqs: SQSClient, kinesis: KinesisClient, queues: Mapping[Topic, str], stream: str) -> None:
        self._sqs = sqs
        self._kinesis = kinesis
        self._queues = queues
        self._stream = stream

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all; return the ids of those delivered."""
        delivered: set[int] = set()
        for topic in Topic:
            of_topic = [one for one in messages if one.message.topic is topic]
            size, send = (STREAM_BATCH, self._to_stream) if topic is Topic.EVENTS else (QUEUE_BATCH, self._to_queue)
            for batch in _batches(of_topic, size):
                delivered.update(_attempt(send, topic, batch))
        return delivered

    def _to_queue(self, batch: Sequence[Written]) -> Collection[int]:
        entries = [{"Id": str(one.id), "MessageBody": one.message.text} for one in batch]
        answer = self._sqs.send_message_batch(
            QueueUrl=self._queues[batch[0].message.topic],
            Entries=entries,  # type: ignore[arg-type] # the stubs want their own TypedDict
        )
        return [int(sent["Id"]) for sent in answer.get("Successful", [])]

    def _to_stream(self, batch: Sequence[Written]) -> Collection[int]:
        answer = self._kinesis.put_records(
            StreamName=self._stream,
            Records=[{"Data": one.message.text.encode(), "PartitionKey": one.message.key} for one in batch],
        )
        results = zip(batch, answer["Records"], strict=True)
        return [one.id for one, result in results if not result.get("ErrorCode")]


def _attempt(send: Send, topic: Topic, batch: Sequence[Written]) -> Collection[int]:
    try:
        delivered = send(batch)
    except (BotoCoreError, ClientError, KeyError):
        logger.warning("not sent to %s, left to the relay: %d messages", topic, len(batch), exc_info=True)
        return []
    if len(delivered) < len(batch):
        logger.warning("refused by %s, left to the relay: %d messages", topic, len(batch) - len(delivered))
    return delivered


def _batches(messages: Sequence[Written], size: int) -> Iterator[list[Written]]:
    rest = iter(messages)
    while batch := list(islice(rest, size)):
        yield batch

"""Messages to SQS queues and the Kinesis stream, in batches, one part's failure never another's."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from adapters import aws
from domain.outbox import Topic, Written

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

QUEUE_BATCH = 10
"""Most messages of one SendMessageBatch."""
STREAM_BATCH = 500
"""Most records of one PutRecords; ours are far below its 5 MB."""

WAITS = (0.05, 0.4)
"""Most seconds before what AWS refused is sent for the second, and for the third and last time."""

PATIENCE = 2.0
"""Seconds that a topic's calls of one send may take; then none begins, so that a queue which hangs, or is slow, takes
no time from the topics behind it."""

CHANCE = random.SystemRandom()
"""Another for each worker: all that start from one snapshot would draw alike from Python's own."""


def longest(topics: int) -> float:
    """Return the most seconds that a send to so many topics takes: each one's last call begins in time, and hangs."""
    return topics * (PATIENCE + aws.LONGEST) + sum(WAITS)


class Answer(NamedTuple):
    """What became of a batch: the ids that were taken, and the messages that may be taken another time."""

    delivered: Collection[int]
    refused: Sequence[Written]


class AwsPublisher:
    """Sends each topic's messages to its queue or to the stream.

    The part of a batch that AWS refuses in a call that succeeds is sent again, after waits of random length ("full
    jitter", AWS Architecture Blog, "Exponential Backoff And Jitter"). Calls that fail are the clients' own to retry.
    What is not delivered is logged and stays in the outbox for a relay. A send ends within `longest`.
    """

    def __init__(
        self,
        sqs: SQSClient,
        kinesis: KinesisClient,
        queues: Mapping[Topic, str],
        stream: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = CHANCE.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sqs = sqs
        self._kinesis = kinesis
        self._queues = queues
        self._stream = stream
        self._sleep = sleep
        self._uniform = uniform
        self._clock = clock

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all; return the ids of those delivered."""
        spent = dict.fromkeys(Topic, 0.0)
        delivered, refused = self._send_once(messages, spent)
        for most in WAITS:
            if not refused:
                break
            self._sleep(self._uniform(0, most))
            more, refused = self._send_once(refused, spent)
            delivered = {*delivered, *more}
        for topic, number in Counter(one.message.topic for one in refused).items():
            logger.warning("refused by %s, left to the relay: %d messages", topic, number)
        return delivered

    def _send_once(self, messages: Sequence[Written], spent: dict[Topic, float]) -> Answer:
        """Send all to topics that have not used up their time; `spent` is the time of each, and grows."""
        delivered: set[int] = set()
        refused: list[Written] = []
        for topic in Topic:
            of_topic = [one for one in messages if one.message.topic is topic]
            size, send = (STREAM_BATCH, self._to_stream) if topic is Topic.EVENTS else (QUEUE_BATCH, self._to_queue)
            for start in range(0, len(of_topic), size):
                if spent[topic] >= PATIENCE:
                    logger.warning("%s is slow, left to the relay: %d messages", topic, len(of_topic) - start)
                    break
                began = self._clock()
                answer = _attempt(send, topic, of_topic[start : start + size])
                spent[topic] += self._clock() - began
                delivered.update(answer.delivered)
                refused += answer.refused
        return Answer(delivered, refused)

    def _to_queue(self, batch: Sequence[Written]) -> Answer:
        entries = [{"Id": str(one.id), "MessageBody": one.message.text} for one in batch]
        topic = batch[0].message.topic
        answer = self._sqs.send_message_batch(
            QueueUrl=self._queues[topic],
            Entries=entries,  # type: ignore[arg-type] # the stubs want their own TypedDict
        )
        failed = answer.get("Failed", [])
        if ours := [one["Code"] for one in failed if one["SenderFault"]]:
            logger.error("refused by %s for our own fault, left to the relay: %s", topic, ", ".join(ours))
        again = {int(one["Id"]) for one in failed if not one["SenderFault"]}
        taken = [int(sent["Id"]) for sent in answer.get("Successful", [])]
        return Answer(taken, [one for one in batch if one.id in again])

    def _to_stream(self, batch: Sequence[Written]) -> Answer:
        answer = self._kinesis.put_records(
            StreamName=self._stream,
            Records=[{"Data": one.message.text.encode(), "PartitionKey": one.message.key} for one in batch],
        )
        results = [(one, bool(result.get("ErrorCode"))) for one, result in zip(batch, answer["Records"], strict=True)]
        return Answer([one.id for one, refused in results if not refused], [one for one, refused in results if refused])


def _attempt(send: Callable[[Sequence[Written]], Answer], topic: Topic, batch: Sequence[Written]) -> Answer:
    try:
        return send(batch)
    except (BotoCoreError, ClientError, KeyError):
        logger.warning("not sent to %s, left to the relay: %d messages", topic, len(batch), exc_info=True)
        return Answer([], [])

"""Dead letters in SQS, and where they came from: queues and the stream."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from adapters.aws import available
from domain.letters.letters import Letter, Queue, Revived
from domain.letters.poison import Poison, letter

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")

logger = logging.getLogger(__name__)

BATCH = 10
"""Most messages of one call of SQS."""
BATCH_BYTES = 1_048_576
"""Most bytes of one SendMessageBatch, and few enough for a PutRecords."""
HELD = 30
"""Seconds for which nobody else sees a letter that we hold: longer than a function of ours may hold it."""
WAIT = 1
"""Seconds to wait for a letter: a call that waits asks all of SQS's servers, one that does not only some of them."""
SCANNED = 1000
"""Letters that are looked at to find those that are named."""
PATIENCE = 10
"""Seconds for which one call looks for letters: the calls that it makes afterwards need the rest of its time."""


class SqsDeadLetters:
    """The letters of some queues, by their URLs; `wait` in seconds."""

    def __init__(self, client: SQSClient, queues: Mapping[Queue, str], wait: int = WAIT) -> None:
        self._client = client
        self._queues = queues
        self._wait = wait

    @contextmanager
    def hold(self, queue: Queue, limit: int, ids: Collection[str] | None = None) -> Iterator[Sequence[Letter]]:
        """Keep up to `limit` letters, or the named ones among the first SCANNED, from everybody else for the block.

        It looks for PATIENCE seconds at most, and is content with what it has found by then.
        """
        ends = time.monotonic() + PATIENCE
        held: dict[str, Letter] = {}
        seen: list[str] = []
        most = limit if ids is None else len(set(ids))
        scanned = limit if ids is None else SCANNED
        try:
            while len(held) < most and len(seen) < scanned and time.monotonic() < ends:
                if not (page := self._receive(queue, scanned - len(seen))):
                    break
                seen += [one.handle for one in page]
                held |= {one.id: one for one in page if ids is None or one.id in ids}
            yield list(held.values())
        finally:
            self._show(queue, seen)

    def remove(self, queue: Queue, letters: Collection[Letter]) -> Collection[str]:
        """Remove held letters; return the ids of those that are gone. What cannot be removed is logged and stays."""
        gone: set[str] = set()
        for some in _tens(list(letters)):
            entries: Any = [{"Id": str(index), "ReceiptHandle": one.handle} for index, one in enumerate(some)]
            try:
                answer = self._client.delete_message_batch(QueueUrl=self._queues[queue], Entries=entries)
            except (BotoCoreError, ClientError):
                logger.warning("%d letters of %s stay", len(some), queue, exc_info=True)
                continue
            gone.update(some[int(one["Id"])].id for one in answer.get("Successful", []))
            if refused := answer.get("Failed"):
                logger.warning("%d letters of %s stay: %s", len(refused), queue, _codes(refused, "Code"))
        return gone

    def waiting(self, queue: Queue) -> int | None:
        """Return about how many letters there are, or None when SQS does not say."""
        try:
            found = self._client.get_queue_attributes(
                QueueUrl=self._queues[queue], AttributeNames=["ApproximateNumberOfMessages"]
            )
        except (BotoCoreError, ClientError):
            logger.warning("nobody knows how many letters of %s wait", queue, exc_info=True)
            return None
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def _receive(self, queue: Queue, most: int) -> list[Letter]:
        with available():
            answer = self._client.receive_message(
                QueueUrl=self._queues[queue],
                MaxNumberOfMessages=min(BATCH, most),
                VisibilityTimeout=HELD,
                WaitTimeSeconds=self._wait,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        return [_letter(one) for one in answer.get("Messages", [])]

    def _show(self, queue: Queue, handles: Iterable[str]) -> None:
        """Let others see letters again; those that were removed are refused, and the rest comes back by itself."""
        for some in _tens(list(handles)):
            entries: Any = [
                {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0} for index, handle in enumerate(some)
            ]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self._queues[queue], Entries=entries)
            except (BotoCoreError, ClientError):
                logger.warning("%d letters of %s come back in %d s only", len(some), queue, HELD, exc_info=True)


class AwsSources:
    """The queues and the stream that letters came from."""

    def __init__(self, sqs: SQSClient, kinesis: KinesisClient, queues: Mapping[Queue, str], stream: str) -> None:
        self._sqs = sqs
        self._kinesis = kinesis
        self._queues = queues
        self._stream = stream

    def send_back(self, queue: Queue, revived: Sequence[Revived]) -> Collection[str]:
        """Send all; return the ids of the letters whose messages arrived. A call that fails is the last one."""
        if queue is Queue.PROJECTION:
            arrived = self._to_stream(revived)
        else:
            arrived = send(self._sqs, self._queues[queue], [one.data.decode() for one in revived])
        return {revived[index].letter.id for index in arrived}

    def _to_stream(self, revived: Sequence[Revived]) -> Collection[int]:
        arrived: set[int] = set()
        for batch in _batches([len(one.data) for one in revived]):
            records: Any = [{"Data": revived[index].data, "PartitionKey": revived[index].key} for index in batch]
            try:
                answer = self._kinesis.put_records(StreamName=self._stream, Records=records)
            except (BotoCoreError, ClientError):
                logger.warning("not sent: %d records", len(revived) - len(arrived), exc_info=True)
                break
            results = answer["Records"]
            arrived.update(index for index, one in zip(batch, results, strict=True) if not one.get("ErrorCode"))
            if refused := [one for one in results if one.get("ErrorCode")]:
                logger.warning("refused: %d records: %s", len(refused), _codes(refused, "ErrorCode"))
        return arrived


class SqsPoisonLetters:
    """The letters of unreadable stream records, sent to one queue."""

    def __init__(self, client: SQSClient, queue: str) -> None:
        self._client = client
        self._queue = queue

    def send(self, found: Sequence[Poison]) -> Collection[int]:
        """Send all; return the indexes of those that have arrived. A call that fails is the last one."""
        return send(self._client, self._queue, [letter(one) for one in found])


def send(client: SQSClient, queue: str, bodies: Sequence[str]) -> Collection[int]:
    """Send messages in batches; return the indexes of those that have arrived. A call that fails is the last one."""
    arrived: set[int] = set()
    for batch in _batches([len(body.encode()) for body in bodies]):
        entries: Any = [{"Id": str(index), "MessageBody": bodies[index]} for index in batch]
        try:
            answer = client.send_message_batch(QueueUrl=queue, Entries=entries)
        except (BotoCoreError, ClientError):
            logger.warning("not sent: %d messages", len(bodies) - len(arrived), exc_info=True)
            break
        arrived.update(int(one["Id"]) for one in answer.get("Successful", []))
        if refused := answer.get("Failed"):
            logger.warning("refused: %d messages: %s", len(refused), _codes(refused, "Code"))
    return arrived


def _batches(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Return the indexes of messages of those sizes that go together."""
    batch: list[int] = []
    weight = 0
    for index, size in enumerate(sizes):
        if batch and (len(batch) == BATCH or weight + size > BATCH_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(index)
        weight += size
    if batch:
        yield batch


def _tens(found: Sequence[T]) -> list[Sequence[T]]:
    return [found[start : start + BATCH] for start in range(0, len(found), BATCH)]


def _codes(refused: Iterable[Any], name: str) -> dict[str, int]:
    """Return AWS's codes of refusal, and how often each came."""
    return Counter(str(one.get(name)) for one in refused)


def _letter(message: Any) -> Letter:
    said = message["Attributes"]
    return Letter(
        message["MessageId"],
        message["Body"],
        datetime.fromtimestamp(int(said["SentTimestamp"]) / 1000, UTC),
        int(said["ApproximateReceiveCount"]),
        message["ReceiptHandle"],
    )

"""Dead letters in SQS."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from domain.letters.poison import Poison, letter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

BATCH, BATCH_BYTES = 10, 1_048_576
"""Most messages, and most bytes of them together, of one SendMessageBatch."""


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
    for batch in _batches(bodies):
        try:
            answer = client.send_message_batch(
                QueueUrl=queue, Entries=[{"Id": str(index), "MessageBody": bodies[index]} for index in batch]
            )
        except (BotoCoreError, ClientError):
            logger.warning("not sent: %d messages", len(bodies) - len(arrived), exc_info=True)
            break
        arrived.update(int(one["Id"]) for one in answer.get("Successful", []))
        if refused := answer.get("Failed"):
            logger.warning("refused: %d messages", len(refused))
    return arrived


def _batches(bodies: Sequence[str]) -> Iterator[list[int]]:
    """Return the indexes of messages that go together."""
    batch: list[int] = []
    weight = 0
    for index, body in enumerate(bodies):
        size = len(body.encode())
        if batch and (len(batch) == BATCH or weight + size > BATCH_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(index)
        weight += size
    if batch:
        yield batch

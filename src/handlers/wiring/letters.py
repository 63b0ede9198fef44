"""Dead letters."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.letters import AwsSources, SqsDeadLetters, SqsPoisonLetters
from domain.letters.letters import Queue
from handlers.wiring import made

LETTERS = {queue: f"{queue.name}_DEAD_LETTERS_URL" for queue in Queue}
SOURCES = {Queue.ORDERS: "ORDERS_QUEUE_URL", Queue.SHIPPING: "SHIPPING_QUEUE_URL"}


@made
def letters() -> SqsDeadLetters:
    """Return the queues of dead letters."""
    return SqsDeadLetters(client("sqs"), {queue: os.environ[name] for queue, name in LETTERS.items()})


@made
def sources() -> AwsSources:
    """Return the queues and the stream that letters came from."""
    queues = {queue: os.environ[name] for queue, name in SOURCES.items()}
    return AwsSources(client("sqs"), client("kinesis"), queues, os.environ["STREAM_NAME"])


@made
def poison_letters() -> SqsPoisonLetters:
    """Return where stream records go that nobody can read."""
    return SqsPoisonLetters(client("sqs"), os.environ[LETTERS[Queue.PROJECTION]])

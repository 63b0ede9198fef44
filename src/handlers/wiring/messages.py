"""Queues and stream."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.publisher import AwsPublisher
from domain.outbox import Topic
from handlers.wiring import made

QUEUES = {Topic.PLACED: "ORDERS_QUEUE_URL", Topic.CONFIRMED: "SHIPPING_QUEUE_URL"}


@made
def publisher() -> AwsPublisher:
    """Return the publisher to those queues that this function may send to, and to the stream, if it may."""
    queues = {topic: os.environ[name] for topic, name in QUEUES.items() if name in os.environ}
    return AwsPublisher(client("sqs"), client("kinesis"), queues, os.environ.get("STREAM_NAME", ""))

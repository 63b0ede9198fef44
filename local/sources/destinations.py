"""Where notices of discarded stream records go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.sources.calls import AWS_ERRORS, Calls, Outage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PART = "on-failure destination"


class QueueDestination:
    """An SQS queue as on-failure destination; other kinds are refused with ValueError."""

    def __init__(self, queue_arn: str, *, sqs: SQSClient, calls: Calls, outage: Outage) -> None:
        service, _, self._account, self._name = queue_arn.split(":")[2:6]
        if service != "sqs":
            raise ValueError(f"the local cloud knows only SQS queues as destination, not {queue_arn}")
        self._sqs = sqs
        self._calls = calls
        self._outage = outage

    async def send(self, notice: dict[str, Any]) -> None:
        """Send the notice, trying until it is sent: Lambda would lose it, and nobody would know."""
        while not await self._sent(json.dumps(notice)):
            pass

    async def _sent(self, body: str) -> bool:
        try:
            queue = await self._calls(
                self._sqs.get_queue_url, QueueName=self._name, QueueOwnerAWSAccountId=self._account
            )
            await self._calls(self._sqs.send_message, QueueUrl=queue["QueueUrl"], MessageBody=body)
        except AWS_ERRORS as error:
            await self._outage.wait(PART, error)
            return False
        self._outage.over(PART)
        return True

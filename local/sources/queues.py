"""The SQS event source: a poller that behaves as Lambda's (AWS Lambda, "Using Lambda with Amazon SQS")."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from local.model import Invoke, QueueSource
from local.sources.answers import Tally, call_function, judge
from local.sources.calls import AWS_ERRORS, GRACE, Calls, InFlight, Outage
from local.sources.queue_messages import Gathering, Message, received_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

DEFAULT_CONCURRENCY = 5  # Lambda's pollers start with five concurrent batches
MOST_THREADS = 16
LONG_POLL = 1  # seconds; the emulator goes on with a poll whose caller is gone and hides what it finds
SHORT_POLL = 0.1  # seconds between looks in the last second of a window
BATCH_CALL = 10  # messages that SQS takes or gives in one call


class QueuePoller:
    """Receives from one queue, invokes the function, and deletes what it has done.

    A failed batch, or the failed items of one, is left alone: SQS shows it again after the visibility
    timeout and moves it to the dead-letter queue by its own redrive policy.
    """

    def __init__(self, source: QueueSource, *, sqs: SQSClient, invoke: Invoke, say: Callable[[str], None]) -> None:
        concurrency = source.concurrency or DEFAULT_CONCURRENCY
        self._source = source
        self._sqs = sqs
        self._invoke = invoke
        self._say = say
        self.name = f"{source.queue_arn.rpartition(':')[2]} -> {source.function}"
        self._slots = asyncio.Semaphore(concurrency)
        # A thread for the long poll, and one for each batch, which deletes with one call at a time.
        self._calls = Calls(self.name, threads=1 + min(concurrency, MOST_THREADS))
        self._tally = Tally()
        self._outage = Outage(self.name, say, self._tally)
        self._gathering = Gathering(source.batch_size, source.window)
        self._receiving: asyncio.Task[list[Message]] | None = None
        self._in_flight = InFlight()
        self._url = ""
        self._visibility = 0.0
        self._killed = False

    async def run(self) -> None:
        """Poll until cancelled.

        Then invocations get a grace to end and be acknowledged, and messages that no function has seen
        are made visible again at once; not so for a poller that was killed.
        """
        try:
            await self._find_queue()
            while True:
                await self._slots.acquire()
                self._start(await self._next_batch())
        finally:
            if not self._killed:
                await asyncio.gather(self._in_flight.finish(), self._give_back())
                await self._calls.close()

    def kill(self) -> None:
        """Forget everything at once: what was received comes again after its visibility timeout."""
        self._killed = True
        self._in_flight.drop()
        self._calls.drop()
        if self._receiving is not None:
            self._receiving.cancel()

    def status(self) -> dict[str, Any]:
        """Return messages `in_flight` and `waiting` for their batch, `batches`, `failures`, `last_error`."""
        return {**self._tally.as_json(), "waiting": len(self._gathering)}

    async def _find_queue(self) -> None:
        account, name = self._source.queue_arn.split(":")[4:]
        while True:
            try:
                queue = await self._calls(self._sqs.get_queue_url, QueueName=name, QueueOwnerAWSAccountId=account)
                attributes = await self._calls(
                    self._sqs.get_queue_attributes,
                    QueueUrl=queue["QueueUrl"],
                    AttributeNames=["VisibilityTimeout"],
                )
            except AWS_ERRORS as error:
                await self._outage.wait("find the queue", error)
            else:
                self._outage.over("find the queue")
                self._url = queue["QueueUrl"]
                self._visibility = max(1.0, float(attributes["Attributes"]["VisibilityTimeout"]))
                return

    async def _next_batch(self) -> list[Message]:
        while not self._gathering.ripe(time.monotonic()):
            await self._look()
        return self._gathering.take()

    async def _look(self) -> None:
        """Receive once, for as long as the window allows."""
        left = self._gathering.time_left(time.monotonic())
        wait = min(LONG_POLL, int(left)) if self._gathering else LONG_POLL
        count = len(self._gathering)
        try:
            await self._receive_shielded(min(BATCH_CALL, self._gathering.room), wait)
            self._outage.over("receive")
        except AWS_ERRORS as error:
            self._receiving = None
            await self._outage.wait("receive", error)
        if wait == 0 and len(self._gathering) == count:
            await asyncio.sleep(min(SHORT_POLL, left))

    async def _receive_shielded(self, count: int, wait: int) -> None:
        """Receive into the gathering; a cancellation leaves the call to `_give_back`."""
        self._receiving = asyncio.create_task(self._receive(count, wait))
        self._gathering.add(await asyncio.shield(self._receiving))
        self._receiving = None

    async def _receive(self, count: int, wait: int) -> list[Message]:
        answer = await self._calls(
            self._sqs.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        now = time.monotonic()
        arn = self._source.queue_arn
        return [received_message(message, arn, now) for message in answer.get("Messages", [])]

    def _start(self, batch: list[Message]) -> None:
        """Process the batch beside the others, without messages that are visible to others again."""
        oldest = time.monotonic() - self._visibility
        hidden = [message for message in batch if message.received > oldest]
        if late := len(batch) - len(hidden):
            self._remark(f"{late} messages waited past the visibility timeout and are left to come again")
        if not hidden:
            self._slots.release()
            return
        self._tally.in_flight += len(hidden)
        self._in_flight.start(self._process(hidden))

    async def _process(self, batch: list[Message]) -> None:
        try:
            await self._delete(await self._done(batch))
        finally:
            self._tally.in_flight -= len(batch)
            self._slots.release()

    async def _done(self, batch: list[Message]) -> list[Message]:
        """Invoke the function and return the messages that it is done with."""
        self._tally.batches += 1
        event = {"Records": [message.event for message in batch]}
        answer = await call_function(self._invoke, self._source.function, event)
        known = [message.id for message in batch]
        verdict = judge(answer, known, reported=self._source.reports_item_failures)
        if verdict.failed:
            self._tally.batch_failed(verdict.why)
            self._say(f"{self.name}: {len(verdict.failed)} of {len(batch)} messages failed ({verdict.why})")
        return [message for message in batch if message.id not in verdict.failed]

    async def _delete(self, messages: list[Message]) -> None:
        for ten in _tens(messages):
            while not (deleted := await self._try_delete(ten)):
                if time.monotonic() > ten[0].received + self._visibility:
                    break
            if not deleted:
                self._remark(f"{len(ten)} processed messages could not be deleted and will come again")

    async def _try_delete(self, messages: list[Message]) -> bool:
        """Delete messages; False, after a wait, when SQS could not be asked."""
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(messages)
        ]
        try:
            answer = await self._calls(self._sqs.delete_message_batch, QueueUrl=self._url, Entries=entries)
        except AWS_ERRORS as error:
            await self._outage.wait("delete", error)
            return False
        self._outage.over("delete")
        for failure in answer.get("Failed", []):
            self._remark(f"a processed message could not be deleted: {failure['Code']}")
        return True

    async def _give_back(self) -> None:
        """Show the messages that no function has seen to the next receiver."""
        with contextlib.suppress(*AWS_ERRORS, TimeoutError):
            async with asyncio.timeout(GRACE):
                if self._receiving is not None:
                    self._gathering.add(await self._receiving)
                while self._gathering:
                    await self._show(self._gathering.take())

    async def _show(self, messages: list[Message]) -> None:
        for ten in _tens(messages):
            await self._calls(
                self._sqs.change_message_visibility_batch,
                QueueUrl=self._url,
                Entries=[{"Id": str(n), "ReceiptHandle": m.receipt, "VisibilityTimeout": 0} for n, m in enumerate(ten)],
            )

    def _remark(self, text: str) -> None:
        self._tally.last_error = text
        self._say(f"{self.name}: {text}")


def _tens(messages: list[Message]) -> Iterator[list[Message]]:
    return (messages[start : start + BATCH_CALL] for start in range(0, len(messages), BATCH_CALL))

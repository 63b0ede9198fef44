"""Queues and a stream that are worse than AWS's: whatever may come twice, late, in another order or not at all does."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import World

TASKS = {"orders": "process_orders", "shipping": "update_stocks"}
"""The queues of tasks, and the functions that read them."""
PROJECTION = "projection"
"""Where stream records come that nobody can read, or that nobody has read in time."""
VISIBILITY, RECEIVES = timedelta(seconds=200), 5
"""As template.yaml says of both queues."""
LATE = (0, 0, 0, 0.2, 5, 40)
"""Seconds after which a message can be received."""
TWICE, DIES, UNHEARD = 0.08, 0.08, 0.06
"""The chances that a message comes to two readers at once, that it dies, and that an acknowledgement is lost."""
POISON = "poison"
"""The key of a stream record that nobody can read."""


@dataclass
class Message:
    """A message in a queue."""

    id: str
    body: str
    visible_at: datetime
    receives: int = 0


class Queue:
    """A queue with a visibility timeout, and, unless it is one itself, a dead-letter queue."""

    def __init__(self, name: str, world: World, dead: Queue | None = None) -> None:
        self.name = name
        self.dead = dead
        self.messages: list[Message] = []
        self._world = world
        self._number = 0

    def put(self, body: str) -> None:
        """Take a message in."""
        self._number += 1
        visible_at = self._world.time + timedelta(seconds=self._world.random.choice(LATE))
        self.messages.append(Message(f"{self.name}-{self._number}", body, visible_at))

    @property
    def visible(self) -> list[Message]:
        """The messages that can be received now."""
        return [one for one in self.messages if one.visible_at <= self._world.time]

    @property
    def named(self) -> list[Message]:
        """The messages that name an order, as ours do."""
        return [one for one in self.messages if one.body.startswith('{"order_id":"')]

    def receive(self) -> list[Message]:
        """Hand out a batch of any size, in any order."""
        random, disturbed = self._world.random, self._world.faults.on
        visible = self.visible
        batch = random.sample(visible, random.randint(1, min(len(visible), 10))) if visible else []
        for one in batch:
            one.receives += 1
            if not disturbed or random.random() > TWICE:
                one.visible_at = self._world.time + VISIBILITY
        dying = [one for one in batch if one.receives > RECEIVES or (disturbed and random.random() < DIES)]
        for one in dying:
            self.bury(one)
        return [one for one in batch if one not in dying]

    def bury(self, message: Message) -> None:
        """Let a message become a dead letter."""
        assert self.dead is not None
        self.messages.remove(message)
        self.dead.put(message.body)

    def acknowledge(self, done: Sequence[Message]) -> None:
        """Forget messages, if they hear of it."""
        for one in done:
            lost = self._world.faults.on and self._world.random.random() < UNHEARD
            if one in self.messages and not lost:
                self.messages.remove(one)

    def hold(self, most: int, seconds: int) -> list[dict[str, Any]]:
        """Hand out messages as ReceiveMessage does; a handle ends with the next receive."""
        held = self.visible[:most]
        for one in held:
            one.receives += 1
            one.visible_at = self._world.time + timedelta(seconds=seconds)
        attributes = {"SentTimestamp": "0", "ApproximateReceiveCount": "1"}
        return [
            {"MessageId": one.id, "Body": one.body, "ReceiptHandle": _handle(one), "Attributes": attributes}
            for one in held
        ]

    def delete(self, handles: Collection[str]) -> None:
        """Forget messages by their handles, old ones too, as SQS does."""
        ids = [handle.partition("/")[0] for handle in handles]
        self.messages = [one for one in self.messages if one.id not in ids]

    def show(self, handles: Collection[str], seconds: int) -> None:
        """Let messages be visible in some seconds, those that nobody else has received since."""
        for one in self.messages:
            if _handle(one) in handles:
                one.visible_at = self._world.time + timedelta(seconds=seconds)


def _handle(message: Message) -> str:
    return f"{message.id}/{message.receives}"


@dataclass
class Record:
    """A record of the stream; `lost` is one that was discarded before anybody had read it."""

    data: bytes
    key: str
    done: bool = False
    lost: bool = False


class Stream:
    """A stream that repeats records, hands them out in any order, and discards some."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.records: list[Record] = []
        self.fulfilled: list[str] = []

    def put(self, data: bytes, key: str) -> None:
        """Take a record in."""
        self.records.append(Record(data, key))
        if b'"FULFILLED"' in data:
            self.fulfilled.append(key)

    @property
    def waiting(self) -> list[Record]:
        """The records that no reader has acknowledged."""
        return [one for one in self.records if not one.done]

    def receive(self) -> list[Record]:
        """Hand out some records that wait, and some that do not."""
        random, disturbed = self._world.random, self._world.faults.on
        for one in self.waiting:
            if disturbed and one.key != POISON and random.random() < DIES / 20:
                self._discard(one)
        waiting = self.waiting
        batch = random.sample(waiting, random.randint(1, len(waiting))) if waiting else []
        if disturbed:
            batch += random.sample(self.records, min(len(self.records), random.randint(0, 3)))
        if random.random() < 0.5:
            batch.sort(key=self.records.index)
        return batch

    def acknowledge(self, done: Sequence[Record]) -> None:
        """Move on, if it hears of it."""
        if not self._world.faults.on or self._world.random.random() > UNHEARD:
            for one in done:
                one.done = True
                one.lost = False

    def _discard(self, record: Record) -> None:
        """Give a record up, as Lambda does after its last try: the letter names it, and does not hold it."""
        record.done = record.lost = True
        place = {"shardId": "shardId-0", "startSequenceNumber": str(self.records.index(record))}
        self._world.queues[f"dead {PROJECTION}"].put(json.dumps({"KinesisBatchInfo": place}))

"""Messages that leave with a transaction: written with it, sent after it, forgotten once delivered.

Delivery is at least once and in no promised order; receivers go by versions and expected states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from json import JSONEncoder
from typing import Protocol

from domain.errors import Unavailable
from domain.ports import Clock, MoreTime

_compact = JSONEncoder(separators=(",", ":")).encode
RELAY_AGE = timedelta(seconds=30)
"""A message this old was left behind by a writer that died, or whose send failed."""


class Topic(StrEnum):
    """Where a message goes."""

    PLACED = "placed"
    """Queue 1: an order waits for its stock."""
    CONFIRMED = "confirmed"
    """Queue 2: an order waits to be shipped."""
    EVENTS = "events"
    """The stream: orders and stock as they now are."""


@dataclass(frozen=True)
class Message:
    """One message; `key` keeps a stream's records of one thing together, `body` is flat JSON."""

    topic: Topic
    key: str
    body: Mapping[str, str | int | None]

    @cached_property
    def text(self) -> str:
        """The body as the outbox keeps it, and as queues and stream carry it."""
        return _compact(self.body)


@dataclass(frozen=True)
class Written:
    """A message as the transaction wrote it, with its number in the outbox."""

    id: int
    message: Message


@dataclass(frozen=True)
class Relayed:
    """One round of a relay: the number of the last message it had in hand (0 for none), and how many it delivered."""

    last: int
    delivered: int


@dataclass(frozen=True)
class Backlog:
    """The messages that wait: how many, and when the oldest of them was written; None when there is none."""

    number: int
    oldest: datetime | None

    def age(self, now: datetime) -> timedelta:
        """Return for how long the oldest has waited; nothing, when clocks disagree on what is past."""
        return max(now - self.oldest, timedelta(0)) if self.oldest else timedelta(0)


class Outbox(Protocol):
    """The messages of committed transactions that are not known to be delivered."""

    def forget(self, ids: Collection[int]) -> None:
        """Remove delivered messages; unknown ids are fine. Raises Unavailable, and then logs what stays."""

    def relay(self, publisher: Publisher, written_before: datetime, limit: int, after: int = 0) -> Relayed:
        """Send up to `limit` messages numbered above `after`, written before that time; forget those delivered.

        Relays may run side by side: none waits for, or sends, what another has in hand.
        """

    def backlog(self) -> Backlog:
        """Return what waits."""


class Publisher(Protocol):
    """Sends messages to queues and stream."""

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Send all; return the ids of those delivered. Never raises for a failed send: it logs why."""


def deliver(written: Sequence[Written], outbox: Outbox, publisher: Publisher) -> None:
    """Send what a committed transaction wrote; what cannot be sent, or not be forgotten, stays for a relay.

    What was decided stands by then, so nothing here fails it; who gets a message twice does nothing the second time.
    """
    if written and (delivered := publisher.send(written)):
        with suppress(Unavailable):
            outbox.forget(delivered)


def relay(outbox: Outbox, publisher: Publisher, clock: Clock, more_time: MoreTime, *, limit: int = 500) -> int:
    """Try once to send everything that was left behind, `limit` at a time; return how many were delivered.

    What cannot be delivered, or what there is no more time for, waits for the next relay. The former holds up nothing
    behind it.
    """
    written_before, total, last = clock() - RELAY_AGE, 0, 0
    while more_time() and (done := outbox.relay(publisher, written_before, limit, last)).last:
        total += done.delivered
        last = done.last
    return total

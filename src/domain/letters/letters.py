"""Dead letters: what the queues behind the queues hold, what each is about, and where they came from."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from domain.letters.failures import Attempt, Failure
from domain.ports import ID

WHY = ("event_id", "error", "message", "function", "request_id")
KEY_LENGTH = range(1, 257)
"""Characters of a stream record's partition key."""
PLACE = re.compile(r"shardId-[0-9]{1,20}:[0-9]{1,128}")
"""A stream record's shard and sequence number."""


class Queue(StrEnum):
    """Where messages died."""

    ORDERS = "orders"
    """On queue 1: an order waits for its stock."""
    SHIPPING = "shipping"
    """On queue 2: an order waits to be shipped."""
    PROJECTION = "projection"
    """On the stream: a record with its data, or Lambda's notice of records that were discarded."""


@dataclass(frozen=True)
class Letter:
    """A message as its queue holds it; `handle` is that queue's own."""

    id: str
    body: str
    sent_at: datetime
    receives: int
    handle: str = field(default="", repr=False, compare=False)

    @property
    def said(self) -> Mapping[str, Any]:
        """What the body says as a JSON object; nothing when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def order_id(self) -> str | None:
        """The order that it names; of ours it can only be one that is named as ours are."""
        named = self.said.get("order_id")
        return named if isinstance(named, str) and ID.fullmatch(named) else None

    @property
    def failed_as(self) -> str:
        """The id under which its failures were noted: a stream record's is that of the first record it names."""
        said = self.said
        batch = said.get("KinesisBatchInfo")
        if isinstance(batch, dict):
            place = f"{batch.get('shardId')}:{batch.get('startSequenceNumber')}"
            return place if PLACE.fullmatch(place) else self.id
        return self.id

    def failure(self) -> Failure | None:
        """Return what the letter itself says of why it died: those of unreadable stream records do."""
        try:
            said = self.said
            record, error, message, function, request_id = (_text(said[name]) for name in WHY)
            at = datetime.fromisoformat(said["at"])
        except (KeyError, TypeError, ValueError):
            return None
        return Failure(Attempt(record, error, message, function, request_id, at), at, 1)


@dataclass(frozen=True)
class Revived:
    """What goes back to where a letter came from; `key` is a stream record's partition key."""

    letter: Letter
    data: bytes
    key: str = ""


class DeadLetters(Protocol):
    """The queues of dead letters, which operators see in their consoles too."""

    def hold(
        self, queue: Queue, limit: int, ids: Collection[str] | None = None
    ) -> AbstractContextManager[Sequence[Letter]]:
        """Keep up to `limit` letters, or of those the named ones that are there, from everybody else for the block.

        Those that were not removed are to be seen again afterwards, or, after a crash, some seconds later.
        Raises Unavailable.
        """

    def remove(self, queue: Queue, letters: Collection[Letter]) -> Collection[str]:
        """Remove held letters; return the ids of those that are gone. What cannot be removed is logged and stays."""

    def waiting(self, queue: Queue) -> int | None:
        """Return about how many letters there are, or None when that cannot be known now."""


class Sources(Protocol):
    """Where letters came from."""

    def send_back(self, queue: Queue, revived: Sequence[Revived]) -> Collection[str]:
        """Send all; return the ids of the letters whose messages arrived. Never raises for a failed send: it logs."""


def revived(queue: Queue, letter: Letter) -> Revived | None:
    """Return what goes back, or None for a letter that names stream records without all of their data."""
    if queue is not Queue.PROJECTION:
        return Revived(letter, letter.body.encode())
    said = letter.said
    try:
        data, key = _text(said["data"]), _text(said["partition_key"])
        whole = base64.b64decode(data, validate=True) if said["encoding"] == "base64" else data.encode()
    except (KeyError, TypeError, ValueError):
        return None
    return Revived(letter, whole, key) if said.get("truncated") is False and len(key) in KEY_LENGTH else None


def _text(value: Any) -> str:
    """Return a text that can be written as UTF-8. Raises TypeError, ValueError."""
    if not isinstance(value, str):
        raise TypeError(type(value))
    value.encode()
    return value

"""Why messages failed: kept beside the queues, which keep the messages alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Attempt:
    """One message failed once: `id` is the queue's id of it, or a stream record's shard and sequence number.

    `error` names the kind of error; `message` says in words what happened, and quotes nothing that was sent.
    """

    id: str
    error: str
    message: str
    function: str
    request_id: str
    at: datetime


@dataclass(frozen=True)
class Failure:
    """All that is known of a message's failures: the last attempt, when the first was, and how many there were."""

    last: Attempt
    first_at: datetime
    times: int


class Failures(Protocol):
    """The memory of failures. It forgets each some time after its last attempt, and later than queues do."""

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Note the attempts; each message is named once. Raises at the first that cannot be noted, and ends there."""

    def find(self, ids: Collection[str]) -> Mapping[str, Failure]:
        """Return what is known of these messages, by id. Raises Unavailable."""

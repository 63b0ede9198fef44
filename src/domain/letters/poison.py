"""Stream records that nobody can read: kept as letters with all their data, so that the stream goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from domain.letters.failures import Attempt

LIMIT = 1_000_000
"""Bytes of a letter; its queue takes some more."""
KEPT = 700_000
"""Bytes that are kept of data that does not fit in, which base64 makes a third larger."""


@dataclass(frozen=True)
class Poison:
    """A stream record as it was, and why it cannot be read; `why.id` is its shard and sequence number."""

    partition_key: str
    data: bytes
    why: Attempt


class PoisonLetters(Protocol):
    """Where such records go."""

    def send(self, found: Sequence[Poison]) -> Collection[int]:
        """Send all; return the indexes of those that have arrived. Never raises for a failed send: it logs why."""


def letter(poison: Poison) -> str:
    """Return the letter's body: ASCII, within LIMIT; of data that is too large its beginning, which it says."""
    return next(body for body in _bodies(poison) if len(body) <= LIMIT)


def _bodies(poison: Poison) -> Iterator[str]:
    with suppress(UnicodeDecodeError):
        yield _body(poison, "text", poison.data.decode())
    yield _body(poison, "base64", base64.b64encode(poison.data).decode())
    yield _body(poison, "base64", base64.b64encode(poison.data[:KEPT]).decode(), truncated=True)


def _body(poison: Poison, encoding: str, data: str, *, truncated: bool = False) -> str:
    why = poison.why
    said = {"error": why.error, "message": why.message, "function": why.function, "request_id": why.request_id}
    place = {"event_id": why.id, "partition_key": poison.partition_key}
    kept = {"truncated": truncated, "encoding": encoding, "data": data}
    return json.dumps({**place, **said, "at": why.at.isoformat(), **kept})

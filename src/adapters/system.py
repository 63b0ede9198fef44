"""The machine's clock, and ids made from it."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def uuid7() -> str:
    """Return a UUID of version 7: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(UUID(int=value))

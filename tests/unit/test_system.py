"""The machine's clock, and ids made from it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from adapters.system import now, uuid7
from domain.ports import ID


def test_now_is_in_utc() -> None:
    assert now().tzinfo is UTC
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_id_is_a_uuid_of_version_7() -> None:
    """RFC 9562, sections 4.1, 4.2 and 5.7."""
    one = UUID(uuid7())

    assert one.variant == "specified in RFC 4122"
    assert one.int >> 76 & 0xF == 7
    assert ID.fullmatch(str(one))


def test_an_id_begins_with_its_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(uuid7()).int >> 80
    after = time.time_ns() // 1_000_000

    assert before <= made <= after


def test_ids_are_unique() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_later_ids_sort_after_earlier_ones() -> None:
    first = uuid7()
    while (second := uuid7())[:13] == first[:13]:
        pass

    assert first < second

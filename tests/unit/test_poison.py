"""Letters of stream records that nobody can read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from domain.letters.failures import Attempt
from domain.letters.poison import LIMIT, Poison, letter
from tests.shop import NOON

WHY = Attempt("shardId-000000000000:49", "JSONDecodeError", "Expecting value", "ProjectInventory", "request-1", NOON)


def body(data: bytes, key: str = "TEA") -> dict[str, Any]:
    text = letter(Poison(key, data, WHY))
    assert text.isascii()
    assert len(text) <= LIMIT
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_letter_holds_all_that_is_known_of_its_record() -> None:
    assert body("thé\0".encode()) == {
        "event_id": "shardId-000000000000:49",
        "partition_key": "TEA",
        "error": "JSONDecodeError",
        "message": "Expecting value",
        "function": "ProjectInventory",
        "request_id": "request-1",
        "at": NOON.isoformat(),
        "truncated": False,
        "encoding": "text",
        "data": "thé\0",
    }


def test_what_is_no_text_is_kept_in_base64() -> None:
    found = body(b"\xff\xfe")

    assert (found["encoding"], base64.b64decode(found["data"])) == ("base64", b"\xff\xfe")


def test_text_that_grows_too_much_is_kept_in_base64() -> None:
    data = "é".encode() * 300_000

    assert base64.b64decode(body(data)["data"]) == data


@pytest.mark.parametrize("size", [990_000, 1_048_576, 10_485_760])
def test_what_does_not_fit_is_cut_and_says_so(size: int) -> None:
    """A stream takes records of 1 MiB, and of 10 MiB when it is told to."""
    found = body(b"\xff" * size, key="\U0001f600" * 256)

    assert found["truncated"] is True
    assert base64.b64decode(found["data"]) == b"\xff" * 700_000
    assert found["event_id"] == WHY.id


def test_a_large_text_that_fits_is_whole() -> None:
    assert body(b"x" * 990_000)["data"] == "x" * 990_000

"""How dead letters are named in a path, asked for and answered."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict

from domain.errors import NotFound
from domain.letters.failures import Failure
from domain.letters.letters import Queue
from domain.letters.working import Explained, Purged, Redriven
from handlers.http.request import Request
from handlers.http.response import rfc3339

SHOWN = 2000
"""Characters of a body that a list shows: a hundred whole letters would not fit into an answer."""
NO_RECORD = "no record: the function died, or could not note why"


class FailureJson(TypedDict):
    """Why a message failed last, and how often it did."""

    error: str
    message: str
    function: str
    request_id: str
    first_at: str
    last_at: str
    times: int


class DeadLetterJson(TypedDict):
    """A message that no function could work off; `failure` is null when nobody noted why."""

    id: str
    queue: Queue
    body: str
    order_id: str | None
    sent_at: str
    receives: int
    failure: FailureJson | None
    why: str


class DeadLettersJson(TypedDict):
    """Letters of one queue; their bodies are cut after 2,000 characters."""

    dead_letters: list[DeadLetterJson]


class MovedLettersJson(TypedDict):
    """What became of letters: `missing` are those asked for that are not there, or that somebody else holds.

    `kept` are still there, since AWS did not take them or did not let them go: try those again. About so many are
    `waiting`; null when SQS does not say.
    """

    missing: list[str]
    kept: list[str]
    waiting: int | None


class RedrivenJson(MovedLettersJson):
    """Letters that went back; `refused` lack the data of the records that they name."""

    redriven: int
    refused: list[str]


class PurgedJson(MovedLettersJson):
    """Letters that are gone, and how many orders that rejected."""

    purged: int
    rejected: int


def queue_of(request: Request) -> Queue:
    """Return the queue that the path names. Raises NotFound."""
    try:
        return Queue(request.path("queue"))
    except ValueError:
        raise NotFound(f"letters are kept of {', '.join(Queue)}") from None


def dead_letters(queue: Queue, found: Sequence[Explained]) -> DeadLettersJson:
    """Return letters as a list shows them."""
    return {"dead_letters": [_dead_letter(queue, one, one.letter.body[:SHOWN]) for one in found]}


def dead_letter(queue: Queue, one: Explained) -> DeadLetterJson:
    """Return one letter with its whole body."""
    return _dead_letter(queue, one, one.letter.body)


def redriven(done: Redriven) -> RedrivenJson:
    """Return what became of letters that were sent back."""
    return {
        "redriven": done.sent,
        "refused": list(done.refused),
        "missing": list(done.missing),
        "kept": list(done.kept),
        "waiting": done.waiting,
    }


def purged(done: Purged) -> PurgedJson:
    """Return what became of letters that were given up."""
    return {
        "purged": done.letters,
        "rejected": len(done.rejected),
        "missing": list(done.missing),
        "kept": list(done.kept),
        "waiting": done.waiting,
    }


def _dead_letter(queue: Queue, one: Explained, body: str) -> DeadLetterJson:
    failure = one.failure
    return {
        "id": one.letter.id,
        "queue": queue,
        "body": body,
        "order_id": one.letter.order_id,
        "sent_at": rfc3339(one.letter.sent_at),
        "receives": one.letter.receives,
        "failure": _failure(failure) if failure else None,
        "why": f"{failure.last.error}: {failure.last.message}" if failure else NO_RECORD,
    }


def _failure(failure: Failure) -> FailureJson:
    last = failure.last
    return {
        "error": last.error,
        "message": last.message,
        "function": last.function,
        "request_id": last.request_id,
        "first_at": rfc3339(failure.first_at),
        "last_at": rfc3339(last.at),
        "times": failure.times,
    }

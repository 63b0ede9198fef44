"""Batches that fail as a whole: each item alone, as long as that helps and there is time."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from adapters.memory.others import MemoryFailures
from domain.errors import Unavailable
from domain.letters.failures import Failure
from handlers import failing
from handlers.batch import RESERVE, Unread, WholeBatchProcessor
from tests.events import Context, failures, sqs


class Work:
    """Does words, any number at once; fails for a batch that holds a bad one, and raises what is told for others."""

    def __init__(self, **raises: Exception) -> None:
        self.raises = raises
        self.done: list[str] = []
        self.asked: list[list[str]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, words: Sequence[str]) -> Mapping[int, Exception]:
        self.asked.append(list(words))
        self.meanwhile()
        for word in words:
            if word in self.raises:
                raise self.raises[word]
        self.done += words
        return {}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> MemoryFailures:
    memory = MemoryFailures()
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tradepost")
    monkeypatch.setattr(failing, "failures", lambda: memory)
    return memory


def run(work: Work, *words: str, context: Context | None = None) -> list[str]:
    """Return the messages that failed."""

    def parse(record: Any) -> str:
        return str(json.loads(record["body"])["word"])

    processor = WholeBatchProcessor(EventType.SQS, parse, work)
    event = sqs(*[{"word": word} for word in words])
    return failures(
        process_partial_response(
            event=event,
            record_handler=parse,
            processor=processor,
            context=context or Context(),  # type: ignore[arg-type] # what a batch needs of it
        )
    )


def test_why_a_message_failed_is_noted(noted: MemoryFailures) -> None:
    context = Context(function_name="ProcessOrders")

    assert run(Work(bad=LookupError("no such thing")), "good", "bad", context=context) == ["m1"]

    known = noted.find(["m0", "m1"])
    assert set(known) == {"m1"}
    last = known["m1"].last
    assert (last.error, last.message, last.function) == ("LookupError", "no such thing", "ProcessOrders")
    assert last.request_id == context.aws_request_id


def test_each_attempt_is_counted(noted: MemoryFailures) -> None:
    for _ in range(3):
        run(Work(bad=LookupError()), "bad")

    assert noted.find(["m0"])["m0"].times == 3


def test_what_cannot_be_noted_changes_nothing_else(noted: MemoryFailures, log: Any) -> None:
    noted.down = True
    work = Work(bad=LookupError("no such thing"))

    assert run(work, "good", "bad") == ["m1"]
    assert work.done == ["good"]
    assert "failures could not be noted" in [line["message"] for line in log()]


def test_where_there_is_no_time_to_note_the_log_tells(noted: MemoryFailures, log: Any) -> None:
    assert run(Work(bad=LookupError()), "bad", context=Context(remaining=4_999)) == ["m0"]

    assert noted.find(["m0"]) == {}
    assert "no time left to note failures" in [line["message"] for line in log()]


def test_a_message_is_noted_without_what_it_quotes_and_with_where_it_came_from(noted: MemoryFailures) -> None:
    error = Unavailable("the database does not answer")
    error.__cause__ = KeyError("connection")

    run(Work(bad=error), "bad")

    assert noted.find(["m0"])["m0"].last.message == "the database does not answer; from KeyError: 'connection'"


def test_a_long_story_is_cut(noted: MemoryFailures) -> None:
    run(Work(bad=LookupError("x" * 5000)), "bad")

    assert len(noted.find(["m0"])["m0"].last.message) == 1000


def test_of_a_large_batch_the_first_hundred_are_noted(noted: MemoryFailures) -> None:
    words = [f"w{number}" for number in range(150)]

    assert len(run(Work(w0=Unavailable("down")), *words)) == 150

    found: Mapping[str, Failure] = noted.find([f"m{number}" for number in range(150)])
    assert set(found) == {f"m{number}" for number in range(100)}


def test_items_that_no_time_is_left_for_come_back(noted: MemoryFailures) -> None:
    """Dying with them would make messages come back that are done, and count against all of them."""
    context = Context(remaining=30_000)
    work = Work(bad=LookupError())

    def take_seven_seconds() -> None:
        context.remaining -= 7_000

    work.meanwhile = take_seven_seconds  # the batch itself takes as long

    assert run(work, "bad", "a", "b", "c", "d", context=context) == ["m0", "m2", "m3", "m4"]
    assert work.done == ["a"]
    assert set(noted.find(["m2"])) == {"m2"}
    assert context.remaining < RESERVE


def test_items_without_time_say_so(noted: MemoryFailures) -> None:
    run(Work(bad=LookupError()), "a", "bad", context=Context(remaining=RESERVE - 1))

    assert {one.last.message for one in noted.find(["m0", "m1"]).values()} == {"no time left in this invocation"}


def test_a_part_that_fails_on_the_way_is_not_asked_for_every_item(noted: MemoryFailures) -> None:
    work = Work(bad=LookupError(), down=Unavailable("the database does not answer"))

    assert run(work, "bad", "a", "down", "b", "c") == ["m0", "m2", "m3", "m4"]
    assert work.asked == [["bad", "a", "down", "b", "c"], ["bad"], ["a"], ["down"]]


def test_a_note_can_be_written_whatever_an_error_quotes() -> None:
    error, context = LookupError("there is no order \ud800"), Context()

    assert failing.attempt("m0", error, context).message == "there is no order ?"  # type: ignore[arg-type] # as above


def test_notes_tell_no_hosts_and_users(noted: MemoryFailures) -> None:
    error = Unavailable("the database does not answer")
    error.__cause__ = psycopg.OperationalError('connection to "db.internal" failed for user "tradepost"')

    run(Work(bad=error), "bad")

    assert noted.find(["m0"])["m0"].last.message == "the database does not answer; from OperationalError: "


def test_what_cannot_be_read_is_given_up_after_the_work_and_before_the_first_that_failed(
    noted: MemoryFailures,
) -> None:
    """A stream comes again from its lowest failure: what is behind it would be given up twice."""
    given: list[int] = []
    work = Work(down=Unavailable("busy"))

    def refuse(unread: Mapping[int, Unread], _: Any) -> Collection[int]:
        assert work.asked
        given.extend(unread)
        return list(unread)

    def parse(record: Any) -> str:
        return str(json.loads(record["body"])["word"])

    event = sqs({}, {"word": "down"}, {})
    processor = WholeBatchProcessor(EventType.SQS, parse, work, refuse)
    answer = process_partial_response(event=event, record_handler=parse, processor=processor, context=Context())  # type: ignore[arg-type] # as above

    assert failures(answer) == ["m1", "m2"]
    assert given == [0]

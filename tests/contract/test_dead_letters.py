"""What every queue of dead letters promises, and where its letters go back to."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from adapters.letters import AwsSources, SqsDeadLetters, SqsPoisonLetters
from adapters.memory.letters import MemoryDeadLetters, MemoryPoisonLetters, MemorySources
from domain.errors import Unavailable
from domain.letters.failures import Attempt
from domain.letters.letters import DeadLetters, Letter, Queue, Revived, Sources
from domain.letters.poison import Poison, PoisonLetters
from tests.cloud import Cloud
from tests.shop import NOON


class OnAws:
    """SQS and Kinesis, and what arrived there."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        sqs = cloud.client("sqs")
        self.queues = {queue: cloud.queue() for queue in Queue}
        self.letters: DeadLetters = SqsDeadLetters(sqs, self.queues, wait=0)
        self._sources = {Queue.ORDERS: cloud.queue(), Queue.SHIPPING: cloud.queue()}
        self._stream = cloud.stream()
        self.sources: Sources = AwsSources(sqs, cloud.client("kinesis"), self._sources, self._stream)
        self.poison: PoisonLetters = SqsPoisonLetters(sqs, self.queues[Queue.PROJECTION])

    def die(self, queue: Queue, body: str) -> str:
        return str(self._cloud.client("sqs").send_message(QueueUrl=self.queues[queue], MessageBody=body)["MessageId"])

    def back(self, queue: Queue) -> list[bytes]:
        if queue is Queue.PROJECTION:
            return [one["Data"] for one in self._cloud.records(self._stream)]
        return [one["Body"].encode() for one in self._cloud.messages(self._sources[queue])]


class InMemory:
    """The same in memory."""

    def __init__(self) -> None:
        self.letters, memory = (dead := MemoryDeadLetters()), MemorySources()
        self.poison, self.sources = MemoryPoisonLetters(dead), memory
        self._sent = memory.sent

    def die(self, queue: Queue, body: str) -> str:
        return self.letters.add(queue, body, datetime.now(UTC))

    def back(self, queue: Queue) -> list[bytes]:
        return [one.data for to, one in self._sent if to is queue]


@pytest.fixture(params=["memory", "moto", "ministack"])
def office(request: pytest.FixtureRequest) -> Any:
    return InMemory() if request.param == "memory" else OnAws(request.getfixturevalue(request.param))


def listed(office: Any, limit: int = 100, ids: Sequence[str] | None = None) -> list[Letter]:
    with office.letters.hold(Queue.ORDERS, limit, ids) as held:
        return list(held)


def test_a_letter_is_shown_as_it_was_sent(office: Any) -> None:
    died = office.die(Queue.ORDERS, '{"text": "thé"}')

    (letter,) = listed(office)

    assert (letter.id, letter.body) == (died, '{"text": "thé"}')
    assert timedelta(0) <= datetime.now(UTC) - letter.sent_at < timedelta(minutes=1)
    assert letter.receives >= 1


def test_looking_takes_nothing_away(office: Any) -> None:
    died = [office.die(Queue.ORDERS, f"{number}") for number in range(3)]

    for _ in range(3):
        assert sorted(one.id for one in listed(office)) == sorted(died)
    assert office.letters.waiting(Queue.ORDERS) == 3


def test_more_are_held_than_one_call_gives_and_never_more_than_wanted(office: Any) -> None:
    died = [office.die(Queue.ORDERS, f"{number}") for number in range(25)]

    assert sorted(one.id for one in listed(office)) == sorted(died)
    assert len(listed(office, 12)) == 12


def test_named_letters_are_found_behind_others(office: Any) -> None:
    died = [office.die(Queue.ORDERS, f"{number}") for number in range(25)]

    assert [one.id for one in listed(office, 1, [died[-1], "nobody"])] == [died[-1]]
    assert len(listed(office)) == 25


def test_held_letters_are_nobody_elses(office: Any) -> None:
    office.die(Queue.ORDERS, "1")

    with office.letters.hold(Queue.ORDERS, 100) as held:
        assert len(held) == 1
        assert listed(office) == []


def test_letters_are_let_go_when_something_goes_wrong(office: Any) -> None:
    office.die(Queue.ORDERS, "1")

    with pytest.raises(LookupError), office.letters.hold(Queue.ORDERS, 100):
        raise LookupError

    assert len(listed(office)) == 1


def test_removed_letters_are_gone_and_the_others_stay(office: Any) -> None:
    died = [office.die(Queue.ORDERS, f"{number}") for number in range(25)]

    with office.letters.hold(Queue.ORDERS, 100) as held:
        gone = office.letters.remove(Queue.ORDERS, [one for one in held if one.id != died[7]])

    assert set(gone) == {*died} - {died[7]}
    assert [one.id for one in listed(office)] == [died[7]]


def test_queues_are_kept_apart(office: Any) -> None:
    office.die(Queue.SHIPPING, "1")

    assert listed(office) == []
    assert [office.letters.waiting(queue) for queue in Queue] == [0, 1, 0]


@pytest.mark.parametrize("queue", Queue)
def test_what_is_sent_back_arrives_where_it_came_from(office: Any, queue: Queue) -> None:
    revived = [Revived(Letter(f"l{n}", "", NOON, 1), f'"thé {n}"'.encode(), f"key-{n}") for n in range(25)]

    assert set(office.sources.send_back(queue, revived)) == {f"l{n}" for n in range(25)}

    assert sorted(office.back(queue)) == sorted(one.data for one in revived)
    assert not [other for other in Queue if other is not queue and office.back(other)]


def test_large_messages_are_sent_in_several_calls(office: Any) -> None:
    data = [b"x" * 400_000] * 5
    revived = [Revived(Letter(f"l{n}", "", NOON, 1), one, "key") for n, one in enumerate(data)]

    assert len(office.sources.send_back(Queue.ORDERS, revived)) == 5
    assert office.back(Queue.ORDERS) == data


def test_unreadable_records_become_letters(office: Any) -> None:
    why = Attempt("shard:1", "KeyError", "sku", "ProjectInventory", "request-1", NOON)

    assert set(office.poison.send([Poison("TEA", f"{n}".encode(), why) for n in range(12)])) == set(range(12))

    with office.letters.hold(Queue.PROJECTION, 100) as held:
        assert sorted(int(json.loads(one.body)["data"]) for one in held) == list(range(12))
    assert set(office.poison.send([])) == set()


class Moody:
    """SQS and Kinesis when they refuse every message with a 3 in it, and every call after so many."""

    def __init__(self, error: Exception, takes: int) -> None:
        self._error = error
        self._takes = takes
        self.calls = 0

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - boto3's names
        self._answer()
        return {
            "Successful": [{"Id": one["Id"]} for one in Entries if "3" not in one["MessageBody"]],
            "Failed": [{"Id": one["Id"], "Code": "InternalError"} for one in Entries if "3" in one["MessageBody"]],
        }

    def put_records(self, *, StreamName: str, Records: list[Any]) -> Any:  # noqa: N803 - as above
        self._answer()
        return {"Records": [{"ErrorCode": "InternalFailure"} if b"3" in one["Data"] else {} for one in Records]}

    def delete_message_batch(self, **_: Any) -> Any:
        self._answer()
        return {"Successful": [{"Id": "1"}], "Failed": [{"Id": "0", "Code": "InternalError"}]}

    def change_message_visibility_batch(self, **_: Any) -> None:
        self._answer()

    def get_queue_attributes(self, **_: Any) -> Any:
        self._answer()

    def receive_message(self, **_: Any) -> Any:
        self._answer()
        said = {"SentTimestamp": "0", "ApproximateReceiveCount": "1"}
        return {"Messages": [{"MessageId": "1", "Body": "", "Attributes": said, "ReceiptHandle": "handle"}]}

    def _answer(self) -> None:
        self.calls += 1
        if self.calls > self._takes:
            raise self._error


REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")
GONE = EndpointConnectionError(endpoint_url="https://nowhere")


@pytest.mark.parametrize("queue", Queue)
@pytest.mark.parametrize("error", [REFUSED, GONE], ids=["refused", "gone"])
def test_what_arrived_is_told_apart_from_what_did_not(queue: Queue, error: Exception) -> None:
    """The second call of three fails, and the third is not made."""
    moody: Any = Moody(error, takes=1)
    revived = [Revived(Letter(f"{n}", "", NOON, 1), f"{n}".encode(), "key") for n in range(25)]

    arrived = AwsSources(moody, moody, dict.fromkeys(Queue, "queue"), "stream").send_back(queue, revived)

    assert set(arrived) == {"0", "1", "2", "4", "5", "6", "7", "8", "9"}
    assert moody.calls == 2


@pytest.mark.parametrize(("takes", "gone"), [(9, {"1", "11"}), (1, {"1"}), (0, set())])
def test_letters_that_cannot_be_removed_stay(takes: int, gone: set[str]) -> None:
    """SQS lets go of the second of each call alone."""
    moody: Any = Moody(GONE, takes)
    letters = [Letter(f"{n}", "", NOON, 1, "handle") for n in range(12)]

    assert SqsDeadLetters(moody, dict.fromkeys(Queue, "queue")).remove(Queue.ORDERS, letters) == gone
    assert moody.calls == 2


def test_how_many_wait_is_no_reason_to_fail() -> None:
    moody: Any = Moody(GONE, 0)

    assert SqsDeadLetters(moody, dict.fromkeys(Queue, "queue")).waiting(Queue.ORDERS) is None


def test_a_search_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that gives a letter at a time, a second each, is not searched to its end."""
    seconds = count()
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    moody: Any = Moody(GONE, 1000)

    with SqsDeadLetters(moody, dict.fromkeys(Queue, "queue")).hold(Queue.ORDERS, 1, ["nobody"]) as held:
        assert held == []

    assert moody.calls < 12


def test_a_queue_that_does_not_answer_is_unavailable() -> None:
    moody: Any = Moody(GONE, 0)

    with pytest.raises(Unavailable), SqsDeadLetters(moody, dict.fromkeys(Queue, "q")).hold(Queue.ORDERS, 1):
        nullcontext()

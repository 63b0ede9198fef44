"""What every publisher promises; AWS's also in batches, and with parts of them refused."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from adapters.memory.others import MemoryPublisher
from adapters.publisher import PATIENCE, AwsPublisher
from domain.outbox import Message, Topic, Written
from tests.cloud import Cloud
from tests.shop import Shop


def written(*topics: Topic, start: int = 1) -> list[Written]:
    return [
        Written(number, Message(topic, f"key-{number % 3}", {"number": number, "text": "thé", "none": None}))
        for number, topic in enumerate(topics, start)
    ]


class OnAws:
    """The AWS adapter, and what arrived at the other end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.queues = {Topic.PLACED: cloud.queue(), Topic.CONFIRMED: cloud.queue()}
        self.stream = cloud.stream()
        self.publisher = self.publisher_to(self.queues)

    def publisher_to(self, queues: Any) -> AwsPublisher:
        return AwsPublisher(self._cloud.client("sqs"), self._cloud.client("kinesis"), queues, self.stream)

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        return self.publisher.send(messages)

    def arrived(self) -> dict[Topic, list[Any]]:
        bodies = {
            topic: [json.loads(one["Body"]) for one in self._cloud.messages(queue)]
            for topic, queue in self.queues.items()
        }
        return {**bodies, Topic.EVENTS: [json.loads(one["Data"]) for one in self._cloud.records(self.stream)]}


class InMemory:
    """The memory adapter behind the same face."""

    def __init__(self) -> None:
        self.publisher = MemoryPublisher()
        self.send = self.publisher.send

    def arrived(self) -> dict[Topic, list[Any]]:
        return {
            topic: [one.message.body for one in self.publisher.sent if one.message.topic is topic] for topic in Topic
        }


@pytest.fixture(params=["memory", "moto", "ministack"])
def outlet(request: pytest.FixtureRequest) -> Any:
    return InMemory() if request.param == "memory" else OnAws(request.getfixturevalue(request.param))


@pytest.fixture(params=["moto", "ministack"])
def aws(request: pytest.FixtureRequest) -> OnAws:
    return OnAws(request.getfixturevalue(request.param))


def numbers(bodies: list[Any]) -> list[int]:
    return sorted(one["number"] for one in bodies)


def test_every_message_arrives_where_its_topic_says(outlet: Any) -> None:
    messages = written(Topic.PLACED, Topic.EVENTS, Topic.CONFIRMED, Topic.EVENTS)

    assert set(outlet.send(messages)) == {1, 2, 3, 4}

    arrived = outlet.arrived()
    assert arrived[Topic.PLACED] == [{"number": 1, "text": "thé", "none": None}]
    assert numbers(arrived[Topic.CONFIRMED]) == [3]
    assert numbers(arrived[Topic.EVENTS]) == [2, 4]


def test_nothing_to_send_is_fine(outlet: Any) -> None:
    assert set(outlet.send([])) == set()


def test_large_batches_arrive_whole(outlet: Any) -> None:
    """More than the 10 messages and 500 records that one call takes."""
    messages = written(*[Topic.PLACED] * 23, *[Topic.EVENTS] * 1001)

    assert set(outlet.send(messages)) == {one.id for one in messages}

    arrived = outlet.arrived()
    assert numbers(arrived[Topic.PLACED]) == list(range(1, 24))
    assert numbers(arrived[Topic.EVENTS]) == list(range(24, 1025))


def test_records_of_one_thing_share_a_partition(ministack: Cloud) -> None:
    aws = OnAws(ministack)
    aws.send(written(*[Topic.EVENTS] * 6))

    keys = {json.loads(one["Data"])["number"]: one["PartitionKey"] for one in ministack.records(aws.stream)}

    assert keys == {number: f"key-{number % 3}" for number in range(1, 7)}


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Return what the publisher logs, whoever else listens."""
    logger = logging.getLogger("adapters.publisher")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_a_queue_that_is_gone_is_left_to_the_relay(aws: OnAws, said: pytest.LogCaptureFixture) -> None:
    """And the stream gets its records all the same."""
    missing = aws.queues[Topic.PLACED] + "-gone"
    publisher = aws.publisher_to({Topic.PLACED: missing, Topic.CONFIRMED: aws.queues[Topic.CONFIRMED]})

    delivered = publisher.send(written(Topic.PLACED, Topic.CONFIRMED, Topic.EVENTS))

    assert set(delivered) == {2, 3}
    assert "left to the relay" in said.text


def test_a_queue_that_this_function_does_not_know_is_left_to_the_relay(aws: OnAws) -> None:
    publisher = aws.publisher_to({Topic.CONFIRMED: aws.queues[Topic.CONFIRMED]})

    assert set(publisher.send(written(Topic.PLACED, Topic.CONFIRMED, Topic.EVENTS))) == {2, 3}


class Moody:
    """SQS and Kinesis when they refuse every message whose number divides by 3, some times each, or a whole call.

    And how a publisher deals with it: how much it sent at once, which waits it might have made and which it made.
    """

    def __init__(self, *errors: Exception | None, times: int = sys.maxsize, fault: bool = False) -> None:
        self._errors = list(errors)
        self._left = Counter[int]()
        self._times = times
        self._fault = fault
        self.sizes: list[int] = []
        self.waits: list[tuple[float, float]] = []
        self.slept: list[float] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - boto3's names
        self._answer(len(Entries))
        refused = [one for one in Entries if self._refuses(int(one["Id"]))]
        taken = [{"Id": one["Id"]} for one in Entries if one not in refused]
        failed = [{"Id": one["Id"], "Code": "Throttled", "SenderFault": self._fault} for one in refused]
        return {"Successful": taken, "Failed": failed} if taken else {"Failed": failed}

    def put_records(self, *, StreamName: str, Records: list[Any]) -> Any:  # noqa: N803 - as above
        self._answer(len(Records))
        numbers = [json.loads(one["Data"])["number"] for one in Records]
        return {
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException"} if self._refuses(number) else {"ShardId": "0"}
                for number in numbers
            ]
        }

    def uniform(self, least: float, most: float) -> float:
        """Return a number that is not random, and no other's."""
        self.waits.append((least, most))
        return float(len(self.waits))

    def _refuses(self, number: int) -> bool:
        self._left[number] += 1
        return number % 3 == 0 and self._left[number] <= self._times

    def _answer(self, size: int) -> None:
        self.sizes.append(size)
        if self._errors and (error := self._errors.pop(0)):
            raise error


def moody_publisher(moody: Moody) -> AwsPublisher:
    queues = {Topic.PLACED: "queue"}
    return AwsPublisher(moody, moody, queues, "stream", sleep=moody.slept.append, uniform=moody.uniform)  # type: ignore[arg-type] # a stand-in


@pytest.mark.parametrize("topic", [Topic.PLACED, Topic.EVENTS])
@pytest.mark.parametrize(("times", "sizes"), [(1, [5, 2]), (2, [5, 2, 2])])
def test_the_part_that_was_refused_is_sent_again(
    said: pytest.LogCaptureFixture, topic: Topic, times: int, sizes: list[int]
) -> None:
    """And nothing else of it, after a while each time."""
    moody = Moody(times=times)

    delivered = moody_publisher(moody).send(written(*[topic] * 5, start=2))

    assert set(delivered) == {2, 3, 4, 5, 6}
    assert moody.sizes == sizes
    assert moody.slept == [1.0, 2.0][:times]
    assert not said.text


def test_what_is_refused_three_times_is_left_to_the_relay(said: pytest.LogCaptureFixture) -> None:
    moody = Moody(times=3)
    messages = written(*[Topic.PLACED] * 5, *[Topic.EVENTS] * 5)

    assert set(moody_publisher(moody).send(messages)) == {1, 2, 4, 5, 7, 8, 10}
    assert moody.sizes == [5, 5, 1, 2, 1, 2]
    assert "refused by placed, left to the relay: 1 messages" in said.text
    assert "refused by events, left to the relay: 2 messages" in said.text


def test_a_batch_that_was_refused_as_a_whole_is_left_to_the_relay() -> None:
    assert set(moody_publisher(Moody()).send(written(Topic.PLACED, start=3))) == set()


def test_the_waits_are_anything_up_to_a_bound_that_grows() -> None:
    """Full jitter, so that those who were refused together do not come back together."""
    moody = Moody()

    moody_publisher(moody).send(written(*[Topic.PLACED] * 25, *[Topic.EVENTS] * 7))

    assert moody.waits == [(0, 0.05), (0, 0.4)]
    assert moody.slept == [1.0, 2.0]


def test_what_is_taken_at_once_waits_for_nothing() -> None:
    moody = Moody(times=0)

    assert len(moody_publisher(moody).send(written(*[Topic.PLACED] * 5, *[Topic.EVENTS] * 5))) == 10
    assert (moody.sizes, moody.waits, moody.slept) == ([5, 5], [], [])


def test_what_was_refused_for_our_own_fault_is_not_sent_again(said: pytest.LogCaptureFixture) -> None:
    moody = Moody(times=1, fault=True)

    assert set(moody_publisher(moody).send(written(*[Topic.PLACED] * 6))) == {1, 2, 4, 5}
    assert (moody.sizes, moody.slept) == ([6], [])
    assert "refused by placed for our own fault, left to the relay: Throttled, Throttled" in said.text


BROKEN = [
    EndpointConnectionError(endpoint_url="https://nowhere"),
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch"),
]


@pytest.mark.parametrize("error", BROKEN)
def test_one_batchs_failure_is_not_anothers(error: Exception) -> None:
    """And is not tried again here: the client has done that."""
    moody = Moody(error)

    delivered = moody_publisher(moody).send(written(*[Topic.PLACED] * 11, start=100))

    assert set(delivered) == {110}
    assert (moody.sizes, moody.slept) == ([10, 1], [])


@pytest.mark.parametrize("error", BROKEN)
def test_a_second_try_that_fails_is_the_last(error: Exception) -> None:
    moody = Moody(None, error, times=1)

    delivered = moody_publisher(moody).send(written(*[Topic.EVENTS] * 3))

    assert set(delivered) == {1, 2}
    assert moody.sizes == [3, 1]


def test_no_call_takes_more_than_aws_allows() -> None:
    """Of what is sent again neither: it fills calls of its own."""
    moody = Moody(times=1)

    moody_publisher(moody).send(written(*[Topic.PLACED] * 60, *[Topic.EVENTS] * 1950))

    assert moody.sizes == [10] * 6 + [500, 500, 500, 450] + [10, 10] + [500, 150]


def test_an_order_whose_queue_is_gone_is_relayed_when_it_is_back(aws: OnAws) -> None:
    shop = Shop(publisher=aws.publisher_to({}))
    shop.sell("TEA", on_hand=1)
    order = shop.place(("TEA", 1))
    assert shop.store.backlog().number == 1

    shop.clock.tick(minutes=1)
    shop.publisher = aws.publisher
    shop.relay()

    assert aws.arrived()[Topic.PLACED] == [{"order_id": order.id}]
    assert shop.store.backlog().number == 0


class Hanging(Moody):
    """SQS and Kinesis, of which SQS takes its time, by a clock of its own."""

    def __init__(self, seconds: float, *errors: Exception | None) -> None:
        super().__init__(*errors, times=0)
        self._seconds = seconds
        self.time = 0.0

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - boto3's names
        self.time += self._seconds
        return super().send_message_batch(QueueUrl=QueueUrl, Entries=Entries)

    def publisher(self) -> AwsPublisher:
        queues = {Topic.PLACED: "queue", Topic.CONFIRMED: "queue"}
        return AwsPublisher(self, self, queues, "stream", clock=lambda: self.time)  # type: ignore[arg-type] # a stand-in


def test_a_queue_that_hangs_is_asked_once_a_send_and_the_others_get_theirs(said: pytest.LogCaptureFixture) -> None:
    hanging = Hanging(6, ReadTimeoutError(endpoint_url="https://queue"), ReadTimeoutError(endpoint_url="https://queue"))

    delivered = hanging.publisher().send(written(*[Topic.PLACED] * 90, *[Topic.CONFIRMED] * 90, *[Topic.EVENTS] * 3))

    assert set(delivered) == {181, 182, 183}
    assert (hanging.sizes, hanging.time) == ([10, 10, 3], 12)
    assert "placed is slow, left to the relay: 80 messages" in said.text


def test_a_slow_queue_gets_what_it_takes_within_its_time() -> None:
    """Whatever it answers: what hundreds of calls need may be more than an invocation has."""
    hanging = Hanging(PATIENCE * 0.4)

    delivered = hanging.publisher().send(written(*[Topic.PLACED] * 90, *[Topic.EVENTS] * 3))

    assert len(delivered) == 33
    assert hanging.sizes == [10, 10, 10, 3]


def test_refusals_do_not_prolong_a_send() -> None:
    """The second try of what was refused comes from the same time."""
    hanging = Hanging(PATIENCE * 0.6)
    hanging._times = sys.maxsize

    assert len(hanging.publisher().send(written(*[Topic.PLACED] * 20))) == 14
    assert hanging.sizes == [10, 10]

"""A real emulated AWS for the event sources' tests, and a stand-in for the functions that they invoke."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.model import Invocation, QueueSource, StreamSource
from local.sources import QueuePoller, StreamPoller
from local.sources.streams import Checkpoints
from tests.cloud import Cloud
from tests.local.emulated import Queue, Stream, client, make_queue, make_stream, running_ministack
from tests.local.fake_aws import FakeKinesis, FakeSqs
from tests.local.fake_function import FAILED, FakeFunction
from tests.stacks import cloud


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return an emulated AWS that takes all our stacks."""
    with cloud(tmp_path_factory.mktemp("aws")) as started:
        yield started


@pytest.fixture
def function() -> FakeFunction:
    return FakeFunction()


@pytest.fixture
def fake_queue(function, said) -> Callable[..., QueuePoller]:
    """Return a maker of pollers of a queue in memory."""

    def make(sqs: FakeSqs, **settings: Any) -> QueuePoller:
        source = QueueSource("Orders", "arn:aws:sqs:us-east-1:000000000000:fake", **settings)
        return QueuePoller(source, sqs=sqs, invoke=function, say=said.append)

    return make


@pytest.fixture
def fake_stream(function, said) -> Callable[..., StreamPoller]:
    """Return a maker of pollers of a stream in memory."""

    def make(
        kinesis: FakeKinesis, sqs: Any = None, checkpoints: Checkpoints | None = None, **settings: Any
    ) -> StreamPoller:
        arn = "arn:aws:kinesis:us-east-1:000000000000:stream/fake"
        source = StreamSource("Project", arn, **{"starting_position": "TRIM_HORIZON", **settings})
        return StreamPoller(
            source,
            kinesis=kinesis,
            sqs=sqs or FakeSqs(),
            invoke=function,
            say=said.append,
            checkpoints=checkpoints,
        )

    return make


@pytest.fixture
def failed() -> Invocation:
    """Return what Lambda answers when a function raised."""
    return FAILED


@pytest.fixture
def said() -> list[str]:
    """Return the lines that a source says, for a source whose `say` appends to it."""
    return []


@pytest.fixture
def unique() -> str:
    """Return a name that nothing else in the emulated AWS has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until a condition holds, or fail after a deadline."""

    async def wait(condition: Callable[[], Any], seconds: float = 10) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.01)
        return value

    return wait


@pytest.fixture
async def start():
    """Run a source until the test is over; call the result to stop it before."""
    tasks = []

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def begin(source: Any) -> Callable[[], Any]:
        tasks.append(asyncio.create_task(source.run()))
        return lambda task=tasks[-1]: stop(task)

    yield begin
    await asyncio.gather(*map(stop, tasks))


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the endpoint of a MiniStack of this test session's own."""
    with running_ministack(tmp_path_factory.mktemp("ministack")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def sqs(ministack: str) -> Iterator[Any]:
    with contextlib.closing(client("sqs", ministack)) as opened:
        yield opened


@pytest.fixture(scope="session")
def kinesis(ministack: str) -> Iterator[Any]:
    with contextlib.closing(client("kinesis", ministack)) as opened:
        yield opened


@pytest.fixture
def queue(sqs, unique):
    """Return a queue whose hidden messages stay hidden for the whole test."""
    return make_queue(sqs, unique, VisibilityTimeout="60")


@pytest.fixture
def queue_poller(sqs, function, said):
    """Return a poller of a queue of the emulated AWS."""

    def make(queue: Queue, **settings: Any) -> QueuePoller:
        return QueuePoller(QueueSource("Orders", queue.arn, **settings), sqs=sqs, invoke=function, say=said.append)

    return make


@pytest.fixture
def stream(kinesis, unique):
    """Return a stream of one shard."""
    return make_stream(kinesis, unique, shards=1)


@pytest.fixture
def stream_poller(sqs, function, said):
    """Return a poller of a stream of the emulated AWS."""

    def make(stream: Stream, **settings: Any) -> StreamPoller:
        source = StreamSource("Project", stream.arn, **{"starting_position": "TRIM_HORIZON", **settings})
        return StreamPoller(source, kinesis=stream.kinesis, sqs=sqs, invoke=function, say=said.append)

    return make

"""What is under way in a running stack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from local.functions.service import Functions
from local.model import Deployment
from local.sources.queues import QueuePoller
from local.sources.streams import StreamPoller
from local.sources.supervising import Supervised
from local.state import LocalError

DEPTHS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


class StatusReport:
    """Gathers queue depths, dead letters, outbox, event sources and functions.

    A queue is a dead-letter queue, here, when no function consumes it.
    """

    def __init__(
        self,
        deployment: Deployment,
        queues: Mapping[str, str],
        *,
        sqs: Any,
        database: Mapping[str, Any],
        functions: Functions,
        pollers: Sequence[Supervised[QueuePoller] | Supervised[StreamPoller]],
    ) -> None:
        self._consumed = {source.queue_arn.rpartition(":")[2] for source in deployment.queues}
        self._queues = queues
        self._sqs = sqs
        self._database = database
        self._functions = functions
        self._pollers = pollers

    async def __call__(self) -> Mapping[str, Any]:
        """Return the status; `settled` when nothing waits and nothing is under way.

        Raises LocalError while PostgreSQL does not answer.
        """
        depths = await asyncio.to_thread(self._depths)
        outbox = await asyncio.to_thread(self._outbox)
        consumed = {name: depth for name, depth in depths.items() if self._is_consumed(name)}
        dead = {name: depth["visible"] + depth["in_flight"] for name, depth in depths.items() if name not in consumed}
        pollers = [one.poller for one in self._pollers]
        streams = [poller for poller in pollers if isinstance(poller, StreamPoller)]
        streams_idle = all([await poller.caught_up() for poller in streams])  # asked after the outbox was seen
        return {
            "settled": streams_idle and not outbox and not any(sum(depth.values()) for depth in consumed.values()),
            "queues": consumed,
            "dead_letters": dead,
            "outbox": outbox,
            "streams_idle": streams_idle,
            "sources": [poller.status() for poller in pollers],
            "functions": dict(sorted(self._functions.status().items())),
        }

    def _is_consumed(self, name: str) -> bool:
        return self._queues[name].rpartition("/")[2] in self._consumed

    def _depths(self) -> dict[str, dict[str, int]]:
        return {name: self._depth(url) for name, url in self._queues.items()}

    def _depth(self, url: str) -> dict[str, int]:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(DEPTHS.values()))["Attributes"]
        return {name: int(found[attribute]) for name, attribute in DEPTHS.items()}

    def _outbox(self) -> int:
        with (
            _answering(),
            psycopg.connect(
                host=self._database["host"],
                port=self._database["port"],
                user=self._database["username"],
                password=self._database["password"],
                dbname="inventory",
                autocommit=True,
            ) as connection,
        ):
            row = connection.execute("SELECT count(*) FROM outbox").fetchone()
        return int(row[0]) if row else 0


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        raise LocalError(f"the database does not answer: {error}") from error

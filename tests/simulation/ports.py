"""The ports as the handlers get them here: real PostgreSQL and a world in memory, with faults between."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.exceptions import ClientError

from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from domain.decisions import Transaction
from domain.errors import Unavailable
from domain.inventory.projection import newest
from tests.simulation.actors import YieldingConnection
from tests.simulation.world import World

SETTINGS = ("deadlock_timeout = '1h'", "lock_timeout = 0", "statement_timeout = 0", "synchronous_commit = off")
"""Time is the world's: PostgreSQL's own limits would depend on the machine."""
IN_PROGRESS = 28_000
"""Milliseconds after which an answer in progress counts as given up: the functions' timeout."""


class SimulatedDatabase(Database):
    """A database on whose connection waiting for a lock gives way."""

    def _login(self, server: Server) -> Any:
        connection = YieldingConnection.open(
            host=server.host, port=server.port, user=server.username, password=server.password, dbname=self.name
        )
        for setting in SETTINGS:
            connection.execute(f"SET {setting}")
        return connection


def out_of_reach() -> Exception:
    """Return what botocore raises when a service is in trouble."""
    return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "try again"}}, "Call")


def no_database() -> Exception:
    """Return what a database raises that does not answer."""
    return Unavailable("the database does not answer in time; try again")


def lost_connection() -> Exception:
    """Return what psycopg raises within a transaction."""
    return psycopg.OperationalError("the connection is lost")


class Port:
    """A port of the world that runs now: each call may be hit by a fault."""

    def __init__(self, name: str, inner: Any, world: Callable[[], World], failure: Callable[[], Exception]) -> None:
        self._name = name
        self._inner = inner
        self._world = world
        self._failure = failure

    def __getattr__(self, method: str) -> Any:
        """Return the adapter's method with faults around it."""
        found = getattr(self._inner, method)
        if not callable(found):
            return found
        half = getattr(self._inner, f"half_{method}", None)

        def call(*args: Any, **named: Any) -> Any:
            return self._world().call(
                f"{self._name}.{method}",
                lambda: found(*args, **named),
                self._failure,
                half and (lambda: half(*args, **named)),
            )

        return call


class Store(Port):
    """The decision side."""

    def __init__(self, inner: PostgresDecisions, world: Callable[[], World]) -> None:
        super().__init__("store", inner, world, no_database)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction; its beginning and its commit are calls, too."""
        world = self._world()
        world.call("transaction.begin", lambda: None, no_database)
        opened: Any = self._inner.transaction()
        tx = opened.__enter__()
        committing = False

        def commit() -> None:
            nonlocal committing
            committing = True
            opened.__exit__(None, None, None)

        try:
            yield Port("transaction", tx, self._world, lost_connection)  # type: ignore[misc] # it forwards everything
            world.call("transaction.commit", commit, no_database)
        except BaseException:
            if committing or not opened.__exit__(*sys.exc_info()):
                raise


class Queues:
    """SQS's client."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def send_message_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803 - boto3's names
        """Take messages in."""
        for one in Entries:
            self._world().queues[QueueUrl].put(one["MessageBody"])
        return {"Successful": [{"Id": one["Id"]} for one in Entries]}

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int, **_: Any) -> Any:  # noqa: N803
        """Hand out messages."""
        return {"Messages": self._world().queues[QueueUrl].hold(MaxNumberOfMessages, VisibilityTimeout)}

    def delete_message_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        """Forget messages."""
        self._world().queues[QueueUrl].delete([one["ReceiptHandle"] for one in Entries])
        return {"Successful": Entries}

    def change_message_visibility_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        """Let messages be visible again."""
        for one in Entries:
            self._world().queues[QueueUrl].show([one["ReceiptHandle"]], one["VisibilityTimeout"])
        return {}

    def get_queue_attributes(self, QueueUrl: str, **_: Any) -> Any:  # noqa: N803
        """Count messages."""
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._world().queues[QueueUrl].messages))}}

    def half_send_message_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803 - boto3's names
        """Take every second message."""
        taken = self.send_message_batch(QueueUrl, Entries[::2])
        refused = [{"Id": one["Id"], "SenderFault": False, "Code": "Throttled"} for one in Entries[1::2]]
        return {**taken, "Failed": refused}


class Stream:
    """Kinesis' client."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def put_records(self, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803 - boto3's names
        """Take records in."""
        for one in Records:
            self._world().stream.put(one["Data"], one["PartitionKey"])
        return {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"} for _ in Records]}

    def half_put_records(self, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803 - boto3's names
        """Take every second record."""
        self.put_records(StreamName, Records[::2])
        answers = [
            {"ErrorCode": "ProvisionedThroughputExceededException"} if i % 2 else {} for i in range(len(Records))
        ]
        return {"FailedRecordCount": len(Records) // 2, "Records": answers}


class View:
    """The projected stock of the world that runs now."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def write(self, levels: Any) -> Mapping[str, Exception]:
        """Write levels."""
        return self._world().view.write(levels)

    def replace(self, pairs: Any) -> Mapping[str, Exception]:
        """Replace levels."""
        return self._world().view.replace(pairs)

    def levels(self) -> Sequence[Any]:
        """Return all levels."""
        return list(self._world().view.levels())

    def half_write(self, levels: Any) -> Mapping[str, Exception]:
        """Write every second sku."""
        wanted = sorted(level.sku for level in newest(levels))
        refused = dict.fromkeys(wanted[1::2], out_of_reach())
        self.write([level for level in levels if level.sku not in refused])
        return refused


class Counts:
    """The order counts of the world that runs now."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def count(self, steps: Any) -> None:
        """Count."""
        self._world().counts.count(steps)


class Failures:
    """The memory of failures of the world that runs now."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def record(self, attempts: Any) -> None:
        """Note attempts."""
        self._world().failures.record(attempts)


class Keys(BasePersistenceLayer):
    """Powertools' idempotency records in memory, on the world's clock."""

    def __init__(self, world: Callable[[], World]) -> None:
        super().__init__()
        self._world = world

    def _put_record(self, data_record: DataRecord) -> None:
        self._call("put", lambda: self._put(data_record))

    def _put(self, record: DataRecord) -> None:
        world = self._world()
        now = int(world.time.timestamp() * 1000)
        held = world.keys.get(record.idempotency_key)
        if held and not (held["status"] == "INPROGRESS" and held["until"] < now):
            old = DataRecord(record.idempotency_key, held["status"], None, None, held["answer"], held["payload"])
            self._validate_payload(record, old)
            raise IdempotencyItemAlreadyExistsError(old_data_record=old)
        world.keys[record.idempotency_key] = {
            "status": record.status, "payload": record.payload_hash, "answer": "", "until": now + IN_PROGRESS,
        }  # fmt: skip

    def _get_record(self, idempotency_key: str) -> DataRecord:
        raise IdempotencyItemNotFoundError

    def _update_record(self, data_record: DataRecord) -> None:
        key = data_record.idempotency_key
        new = {"status": data_record.status, "answer": data_record.response_data, "payload": data_record.payload_hash}
        self._call("update", lambda: self._world().keys.setdefault(key, {}).update(new))

    def _delete_record(self, data_record: DataRecord) -> None:
        self._call("delete", lambda: self._world().keys.pop(data_record.idempotency_key, None))

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        return self._world().call(f"keys.{name}", effect, out_of_reach)

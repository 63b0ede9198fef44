"""Failures in DynamoDB: one item per message, one write per attempt. Items expire after the queues' 14 days."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from adapters.aws import PARALLEL, available
from domain.errors import Unavailable
from domain.letters.failures import Attempt, Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=15)
NOTING = 3.0
"""Seconds in which rounds of writes begin; one that has begun takes 2 s at most."""
READ = 100
"""Most keys of one BatchGetItem."""
SAID = ("error", "message", "function", "request_id")


class DynamoFailures:
    """The failures in one table, keyed by `id`; at most `parallel` writes at once."""

    def __init__(self, client: DynamoDBClient, table: str, parallel: int = PARALLEL, noting: float = NOTING) -> None:
        self._client = client
        self._table = table
        self._parallel = parallel
        self._noting = noting

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Note the attempts: one alone, then the others side by side, until one cannot be noted, or time is up."""
        end = monotonic() + self._noting
        for attempt in attempts[:1]:
            self._note(attempt)
        for some in _some(attempts[1:], self._parallel):
            if monotonic() >= end:
                raise Unavailable("no time left to note failures")
            with ThreadPoolExecutor(len(some)) as threads:
                list(threads.map(self._note, some))

    def find(self, ids: Collection[str]) -> Mapping[str, Failure]:
        """Return what is known of these messages, by id. Raises Unavailable."""
        found: dict[str, Failure] = {}
        for some in _some(sorted(set(ids)), READ):
            todo: Any = {self._table: {"Keys": [{"id": {"S": one}} for one in some]}}
            while todo:
                with available():
                    answer = self._client.batch_get_item(RequestItems=todo)
                found |= {item["id"]["S"]: _failure(item) for item in answer["Responses"][self._table]}
                todo = answer.get("UnprocessedKeys")
        return found

    def _note(self, attempt: Attempt) -> None:
        values = {name: {"S": getattr(attempt, name)} for name in SAID}
        at = {"S": attempt.at.isoformat()}
        self._client.update_item(
            TableName=self._table,
            Key={"id": {"S": attempt.id}},
            UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in SAID)}, last_at = :at,"
            " first_at = if_not_exists(first_at, :at), expires_at = :end ADD times :one",
            ExpressionAttributeNames={f"#{name}": name for name in SAID},
            ExpressionAttributeValues={
                **{f":{name}": value for name, value in values.items()},
                ":at": at,
                ":end": {"N": str(int((attempt.at + KEPT).timestamp()))},
                ":one": {"N": "1"},
            },
        )


def _failure(item: Mapping[str, Any]) -> Failure:
    error, message, function, request_id = (item[name]["S"] for name in SAID)
    at = datetime.fromisoformat(item["last_at"]["S"])
    last = Attempt(item["id"]["S"], error, message, function, request_id, at)
    return Failure(last, datetime.fromisoformat(item["first_at"]["S"]), int(item["times"]["N"]))


def _some(found: Sequence[Any], size: int) -> list[Any]:
    return [found[start : start + size] for start in range(0, len(found), size)]

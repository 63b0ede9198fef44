"""Invoking a function with a batch, and what its answer means for the batch's records."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from local.model import Invocation, Invoke

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous invocation's event as compact JSON (AWS Lambda, "Lambda quotas")."""

EMPTY_EVENT_BYTES = len('{"Records":[]}')


@dataclass
class Tally:
    """What a source has done since it started; `in_flight` counts messages or records."""

    in_flight: int = 0
    batches: int = 0
    failures: int = 0
    last_error: str | None = None

    def batch_failed(self, error: str) -> None:
        """Count a batch that failed, in whole or in part."""
        self.failures += 1
        self.last_error = error

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)


def event_bytes(record: dict[str, Any]) -> int:
    """Return a record's share of the event's size, its comma included."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass")) + len(",")


async def call_function(invoke: Invoke, function: str, event: Any) -> Invocation:
    """Invoke, turning whatever the platform raises into the failed invocation that Lambda would report."""
    try:
        return await invoke(function, event)
    except Exception as error:  # noqa: BLE001 - the batch has failed, whatever the platform stumbled over
        problem = {"errorMessage": str(error), "errorType": type(error).__name__}
        return Invocation(json.dumps(problem).encode(), "Unhandled")


@dataclass(frozen=True)
class Verdict:
    """The identifiers of a batch that are not done, and why in one line ("ValueError: no such order")."""

    failed: frozenset[str]
    why: str = ""


def judge(answer: Invocation, known: Collection[str], *, reported: bool) -> Verdict:
    """Say which of the batch's identifiers, `known`, are not done.

    Without ReportBatchItemFailures (`reported`) the answer's content is ignored. With it, null and empty
    answers or lists are success, and an answer that is no list of known identifiers fails the whole batch
    (AWS Lambda, "Configuring partial batch response").
    """
    if answer.error is not None:
        return Verdict(frozenset(known), reason(answer))
    if not reported:
        return Verdict(frozenset())
    items = _reported_items(answer)
    if items is None or not items <= set(known):
        return Verdict(frozenset(known), f"invalid batch item failures: {answer.payload[:200]!r}")
    return Verdict(frozenset(items), "batch item failures")


def reason(answer: Invocation) -> str:
    """Say in one line why an invocation failed."""
    try:
        problem = answer.json()
        return f"{problem['errorType']}: {problem['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.error)


def _reported_items(answer: Invocation) -> set[str] | None:
    """Return the identifiers that an answer names, None for an answer of another shape."""
    try:
        content = answer.json()
    except ValueError:
        return None
    if content is None or content == []:
        return set()
    failures = content.get("batchItemFailures", []) if isinstance(content, dict) else content
    if failures is None:
        return set()
    return _identifiers(failures) if isinstance(content, dict) and isinstance(failures, list) else None


def _identifiers(failures: list[Any]) -> set[str] | None:
    items = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures]
    return {str(item) for item in items} if all(isinstance(item, str) for item in items) else None

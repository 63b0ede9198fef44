"""Powertools' batch processor, for work that is one transaction per batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from domain.errors import Unavailable
from handlers.telemetry import count, logger

T = TypeVar("T")

Work = Callable[[Sequence[T]], Mapping[int, Exception]]
"""Does a batch at once. Raises when nothing of it was done; else returns the errors of single items by index."""


class WholeBatchProcessor(BatchProcessor, Generic[T]):
    """Parses each record, does all of them at once, and reports each one's own outcome.

    When the whole batch fails, each item is done alone, so that a poison message fails alone; when a part that
    all need is unavailable, all fail at once and come back later. Nothing raises
    for the batch as a whole: what failed is named in the partial batch response and logged here.
    """

    def __init__(self, event_type: EventType, parse: Callable[[Any], T], work: Work[T]) -> None:
        super().__init__(event_type=event_type, raise_on_entire_batch_failure=False)
        self._parse = parse
        self._work = work
        self._errors: dict[int, Exception] = {}

    def _prepare(self) -> None:
        super()._prepare()  # type: ignore[no-untyped-call] # Powertools left it untyped
        self._errors = {}
        items: dict[int, T] = {}
        for position, record in enumerate(self.records):
            try:
                items[position] = self._parse(self._to_batch_type(record, event_type=self.event_type))
            except Exception as error:
                self._errors[position] = error
        if items:
            self._do(list(items), list(items.values()))
        self._position = -1

    def _do(self, positions: Sequence[int], items: Sequence[T]) -> None:
        try:
            errors = self._work(items)
        except Unavailable as error:
            self._errors |= dict.fromkeys(positions, error)
        except Exception as error:
            if len(items) == 1:
                self._errors[positions[0]] = error
                return
            logger.warning("the batch failed as a whole; trying each item alone", exc_info=True)
            for position, item in zip(positions, items, strict=True):
                self._do([position], [item])
        else:
            self._errors |= {positions[index]: error for index, error in errors.items()}

    def _process_record(self, record: dict[str, Any]) -> Any:
        self._position += 1
        data = self._to_batch_type(record, event_type=self.event_type)
        if error := self._errors.get(self._position):
            logger.error("record failed", record=_identifier(record), exc_info=error)
            count("FailedRecords")
            return self.failure_handler(record=data, exception=(type(error), error, error.__traceback__))
        return self.success_handler(record=data, result=None)


def _identifier(record: dict[str, Any]) -> str:
    return str(record.get("messageId") or record.get("eventID"))

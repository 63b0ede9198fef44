"""Powertools' batch processor, for work that is one transaction per batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from domain.errors import Unavailable
from handlers.failing import note
from handlers.telemetry import count, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

T = TypeVar("T")

Work = Callable[[Sequence[T]], Mapping[int, Exception]]
"""Does a batch at once. Raises when nothing of it was done; else returns the errors of single items by index."""


@dataclass(frozen=True)
class Unread:
    """A record that cannot be parsed, and why."""

    record: Mapping[str, Any]
    error: Exception


Refuse = Callable[[Mapping[int, Unread], "LambdaContext"], Collection[int]]
"""Takes what cannot be parsed, by position; returns those that need not come again."""

RESERVE = 13_000
"""Milliseconds that one item alone and noting what failed may take: 5 s for one lock, 3 s of work, 5 s for notes.

An item that waits for several locks in a row, or whose statement takes its 20 s, is not covered: it ends with the
function.
"""


class WholeBatchProcessor(BatchProcessor, Generic[T]):
    """Parses each record, does all of them at once, and reports each one's own outcome.

    When the whole batch fails, each item is done alone, so that a poison message fails alone; when a part that
    all need is unavailable, or there is no time left, all that is left fails at once and comes back later. Nothing
    raises for the batch as a whole: what failed is named in the partial batch response, logged and noted.
    """

    def __init__(
        self,
        event_type: EventType,
        parse: Callable[[Mapping[str, Any]], T],
        work: Work[T],
        refuse: Refuse | None = None,
    ) -> None:
        super().__init__(event_type=event_type, raise_on_entire_batch_failure=False)
        self._parse = parse
        self._work = work
        self._refuse = refuse
        self._errors: dict[int, Exception] = {}

    def __call__(self, records: list[dict[str, Any]], handler: Any, lambda_context: Any = None) -> Self:
        """Take a batch. Powertools inspects the handler's signature each time; nothing here calls that."""
        self.records = records
        self.handler = handler
        self.lambda_context = lambda_context
        return self

    def _prepare(self) -> None:
        super()._prepare()  # type: ignore[no-untyped-call] # Powertools left it untyped
        self._errors = {}
        positions, items = self._read()
        unread = dict(self._errors)
        if items:
            self._do(positions, items)
        if unread and self._refuse:
            self._give_up(unread, self._refuse)

    def _read(self) -> tuple[Sequence[int], Sequence[T]]:
        """Parse all; only when one cannot be parsed, find out which. Return the positions of the items, and these."""
        try:
            return range(len(self.records)), list(map(self._parse, self.records))
        except Exception:
            items: dict[int, T] = {}
            for position, record in enumerate(self.records):
                try:
                    items[position] = self._parse(record)
                except Exception as error:
                    self._errors[position] = error
            return list(items), list(items.values())

    def _give_up(self, unread: Mapping[int, Exception], refuse: Refuse) -> None:
        """Give up what cannot be parsed, up to the first item that failed: a stream comes again from there."""
        first = min(self._errors.keys() - unread.keys(), default=len(self.records))
        found = {position: Unread(self.records[position], unread[position]) for position in unread if position < first}
        for position in refuse(found, self.lambda_context):
            del self._errors[position]

    def _do(self, positions: Sequence[int], items: Sequence[T]) -> None:
        """Do all items at once; if that cannot be, each alone."""
        try:
            return self._at_once(positions, items)
        except Unavailable as error:
            return self._fail(positions, error)
        except Exception as error:
            if len(items) == 1:
                return self._fail(positions, error)
            logger.warning("the batch failed as a whole; trying each item alone", exc_info=True)
        return self._one_by_one(positions, items)

    def _one_by_one(self, positions: Sequence[int], items: Sequence[T]) -> None:
        done = 0
        try:
            for position, item in zip(positions, items, strict=True):
                self._alone(position, item)
                done += 1
        except Unavailable as error:
            self._fail(positions[done:], error)

    def _alone(self, position: int, item: T) -> None:
        """Do one item. Raises Unavailable, which is not the item's own failure."""
        if self.lambda_context.get_remaining_time_in_millis() < RESERVE:
            raise Unavailable("no time left in this invocation")
        try:
            self._at_once([position], [item])
        except Unavailable:
            raise
        except Exception as error:
            self._errors[position] = error

    def _fail(self, positions: Sequence[int], error: Exception) -> None:
        self._errors |= dict.fromkeys(positions, error)

    def _at_once(self, positions: Sequence[int], items: Sequence[T]) -> None:
        self._errors |= {positions[index]: error for index, error in self._work(items).items()}

    def process(self) -> list[tuple[Any, ...]]:
        """Report what failed; everything is done by now, and of the rest there is nothing to say."""
        return [self._report(self.records[position], error) for position, error in sorted(self._errors.items())]

    def _report(self, record: dict[str, Any], error: Exception) -> Any:
        logger.error("record failed", record=identifier(record), exc_info=error)
        count("FailedRecords")
        data = self._to_batch_type(record, event_type=self.event_type)
        return self.failure_handler(record=data, exception=(type(error), error, error.__traceback__))

    def _clean(self) -> None:
        super()._clean()  # type: ignore[no-untyped-call] # as above
        failed = {identifier(self.records[position]): error for position, error in sorted(self._errors.items())}
        note(failed, self.lambda_context)


def identifier(record: Mapping[str, Any]) -> str:
    """Return a queue's id of a message, or a stream record's shard and sequence number."""
    return str(record.get("messageId") or record.get("eventID"))

"""The stream: write the newest stock of each sku, and count orders by minute."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from adapters.system import now
from domain.inventory.projection import OrderStep, newest
from domain.inventory.stock import StockLevel
from domain.letters.poison import Poison
from handlers.batch import Unread, WholeBatchProcessor, identifier
from handlers.failing import attempt
from handlers.stream_record import stream_record
from handlers.telemetry import count, function, logger
from handlers.wiring.letters import poison_letters
from handlers.wiring.views import order_counts, stock_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOW_STOCK, NAMED = 10, 20
"""A sku is reported when it has at most LOW_STOCK units left; one line names up to NAMED of them."""
BURIED_AT_ONCE, NEEDED = 10, 15_000
"""Records that one call takes, and the milliseconds that it and the notes afterwards may need: 8 s and 5 s."""


def _project(items: Sequence[StockLevel | OrderStep]) -> Mapping[int, Exception]:
    levels = [item for item in items if isinstance(item, StockLevel)]
    errors = stock_view().write(levels)
    uncounted = _count([item for item in items if isinstance(item, OrderStep)])
    _report(items, newest(levels))
    found = (errors.get(item.sku) if isinstance(item, StockLevel) else uncounted for item in items)
    return {index: error for index, error in enumerate(found) if error}


def _count(steps: Sequence[OrderStep]) -> Exception | None:
    """Count orders; return what went wrong, which is no reason to write stock again."""
    try:
        if steps:
            order_counts().count(steps)
    except Exception as error:
        return error
    return None


def _report(items: Sequence[StockLevel | OrderStep], levels: Sequence[StockLevel]) -> None:
    oldest = min(item.updated_at if isinstance(item, StockLevel) else item.at for item in items)
    count("ProjectionLag", (now() - oldest).total_seconds(), unit=MetricUnit.Seconds)
    if low := sorted(level.sku for level in levels if level.available <= LOW_STOCK):
        count("LowStock", len(low))
        logger.warning("low stock", skus=low[:NAMED], number=len(low))


def _bury(unread: Mapping[int, Unread], context: LambdaContext) -> Collection[int]:
    """Put records that cannot be read among the dead letters, so that their shard goes on; return which are there.

    Those that there is no time for come again, and so do all behind one that could not be put there.
    """
    buried: list[int] = []
    positions = list(unread)
    for start in range(0, len(positions), BURIED_AT_ONCE):
        some = positions[start : start + BURIED_AT_ONCE]
        if context.get_remaining_time_in_millis() < NEEDED:
            logger.warning("no time left to bury records", number=len(unread) - len(buried))
            break
        arrived = poison_letters().send([_poison(unread[position], context) for position in some])
        buried += [position for index, position in enumerate(some) if index in arrived]
        if len(arrived) < len(some):
            break
    for position in buried:
        logger.error(
            "record dead-lettered", record=identifier(unread[position].record), exc_info=unread[position].error
        )
    count("PoisonRecords", len(buried))
    return buried


def _poison(unread: Unread, context: LambdaContext) -> Poison:
    said = unread.record["kinesis"]
    why = attempt(identifier(unread.record), unread.error, context)
    return Poison(said["partitionKey"], base64.b64decode(said["data"]), why)


processor = WholeBatchProcessor(EventType.KinesisDataStreams, stream_record, _project, _bury)


@function
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Project the batch; return the records that failed. Those that cannot be read are dead letters, and done.

    The line "projected" tells that readers see every record of a shard up to `until`, its shard and sequence number.
    """
    answer = process_partial_response(event=event, record_handler=stream_record, processor=processor, context=context)
    if not answer["batchItemFailures"]:
        logger.info("projected", records=len(event["Records"]), until=event["Records"][-1]["eventID"])
    return answer

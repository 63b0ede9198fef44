"""The stream: write the newest stock of each sku, and count orders by minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from adapters.system import now
from domain.errors import FieldProblem, InvalidInput
from domain.inventory.projection import OrderStep, newest
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from handlers.batch import WholeBatchProcessor
from handlers.telemetry import count, logger
from handlers.wiring.views import order_counts, stock_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOW_STOCK, NAMED = 10, 20
"""A sku is reported when it has at most LOW_STOCK units left; one line names up to NAMED of them."""


def _parse(record: KinesisStreamRecord) -> StockLevel | OrderStep:
    body = record.kinesis.data_as_json()
    at = datetime.fromisoformat(body["at"])
    if body["type"] == "stock":
        return StockLevel(
            sku=body["sku"],
            on_hand=int(body["on_hand"]),
            allocated=int(body["allocated"]),
            shipped_total=int(body["shipped_total"]),
            version=int(body["version"]),
            updated_at=at,
        )
    if body["type"] == "order":
        return OrderStep(body["order_id"], Status(body["status"]), at)
    raise InvalidInput("not a record of ours", [FieldProblem("type", f"is {body['type']!r}")])


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


processor = WholeBatchProcessor(EventType.KinesisDataStreams, _parse, _project)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Project the batch; return the records that failed.

    The line "projected" tells that readers see every record of a shard up to `until`, its shard and sequence number.
    """
    answer = process_partial_response(event=event, record_handler=_parse, processor=processor, context=context)
    if not answer["batchItemFailures"]:
        logger.info("projected", records=len(event["Records"]), until=event["Records"][-1]["eventID"])
    return answer

"""The stream as handlers/project_inventory.py reads it, with nothing done, and nothing buried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from domain.inventory.projection import OrderStep
from domain.inventory.stock import StockLevel
from handlers.batch import WholeBatchProcessor
from handlers.start import ready
from handlers.stream_record import _moment, stream_record


def work(items: Sequence[StockLevel | OrderStep]) -> Mapping[int, Exception]:  # noqa: ARG001 - as above
    """Do nothing with a batch."""
    return {}


processor = WholeBatchProcessor(EventType.KinesisDataStreams, stream_record, work)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Return the records that failed. Times are new in each batch, as they are in a shop's."""
    _moment.cache_clear()
    return process_partial_response(event=event, record_handler=stream_record, processor=processor, context=context)


ready()

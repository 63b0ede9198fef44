"""Queue 1 as handlers/process_orders.py reads it, with nothing done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from handlers.batch import WholeBatchProcessor
from handlers.order_task import order_id
from handlers.start import ready


def work(order_ids: Sequence[str]) -> Mapping[int, Exception]:  # noqa: ARG001 - decoding is what is measured
    """Do nothing with a batch."""
    return {}


processor = WholeBatchProcessor(EventType.SQS, order_id, work)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Return the messages that failed."""
    return process_partial_response(event=event, record_handler=order_id, processor=processor, context=context)


ready()

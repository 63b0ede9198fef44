"""Queue 2: ship confirmed orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from adapters.system import now
from domain.orders.deciding import ship_orders
from handlers.batch import WholeBatchProcessor
from handlers.order_task import order_id
from handlers.telemetry import count, function
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def _ship(order_ids: Sequence[str]) -> Mapping[int, Exception]:
    orders = ship_orders(order_ids, store=decisions(), publisher=publisher(), clock=now)
    count("OrdersFulfilled", len(orders))
    return {}


processor = WholeBatchProcessor(EventType.SQS, order_id, _ship)


@function
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Ship the batch in one transaction; return the messages that failed."""
    return process_partial_response(event=event, record_handler=order_id, processor=processor, context=context)

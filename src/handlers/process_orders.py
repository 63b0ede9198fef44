"""Queue 1: allocate stock to placed orders, or reject them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import EventType, process_partial_response

from adapters.system import now
from domain.orders.deciding import allocate_orders
from handlers.batch import WholeBatchProcessor
from handlers.order_task import order_id
from handlers.telemetry import count, function
from handlers.wiring.database import decisions, products
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def _allocate(order_ids: Sequence[str]) -> Mapping[int, Exception]:
    orders = allocate_orders(order_ids, products=products(), store=decisions(), publisher=publisher(), clock=now)
    for (status, reason), number in Counter((one.status, one.reason) for one in orders.values()).items():
        count(f"Orders{status.title()}", number, reason=reason)
    return {}


processor = WholeBatchProcessor(EventType.SQS, order_id, _allocate)


@function
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Decide the batch in one transaction; return the messages that failed."""
    return process_partial_response(event=event, record_handler=order_id, processor=processor, context=context)

"""On a schedule: send orders on their way again whose message died; report those that stay where they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.orders.sweeping import sweep_orders
from handlers.rounds import more_time
from handlers.telemetry import count, function, logger
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ADVICE = (
    "orders are stuck: /dead-letters/orders (of those PLACED) and /dead-letters/shipping (CONFIRMED) tell why their"
    " tasks fail; mend it and redrive them, or purge them, which rejects their orders. Where there are no such letters"
    ' any more, invoke this function with {"stuck_too": true}'
)


@function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Sweep once; `stuck_too` in the event sends those again, too.

    Return of how many the task was written to the outbox, from where it is sent, and how many are stuck.
    """
    more, stuck_too = partial(more_time, context), event.get("stuck_too") is True
    swept = sweep_orders(decisions(), publisher(), now, more, stuck_too=stuck_too)
    count("OrdersResent", swept.resent)
    count("OrdersStuck", swept.stuck.number)
    if swept.stuck.number:
        oldest = [{"id": one.id, "status": one.status, "since": one.updated_at} for one in swept.stuck.oldest]
        logger.error(ADVICE, number=swept.stuck.number, oldest=oldest)
    return {"resent": swept.resent, "stuck": swept.stuck.number}

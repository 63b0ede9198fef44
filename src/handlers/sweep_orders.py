"""On a schedule: send orders on their way again whose message died; report those that stay where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.orders.sweeping import sweep_orders
from handlers.telemetry import count, logger
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ADVICE = (
    "orders are stuck: /dead-letters/orders (of those PLACED) and /dead-letters/shipping (CONFIRMED) tell why their"
    " tasks fail; mend it and redrive them, or purge them, which rejects their orders"
)


@logger.inject_lambda_context(clear_state=True)
def handler(_: dict[str, Any], __: LambdaContext) -> dict[str, int]:
    """Sweep once; return how many orders were sent again and how many are stuck."""
    swept = sweep_orders(decisions(), publisher(), now)
    count("OrdersResent", swept.resent)
    count("OrdersStuck", swept.stuck.number)
    if swept.stuck.number:
        oldest = [{"id": one.id, "status": one.status, "since": one.updated_at} for one in swept.stuck.oldest]
        logger.error(ADVICE, number=swept.stuck.number, oldest=oldest)
    return {"resent": swept.resent, "stuck": swept.stuck.number}

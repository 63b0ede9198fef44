"""On a schedule: publish what a crash, or a queue that was down, left in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.outbox import relay
from handlers.telemetry import count, logger
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
def handler(_: dict[str, Any], __: LambdaContext) -> dict[str, int]:
    """Relay until nothing old is left; return how many were sent and how many wait."""
    relayed = relay(decisions(), publisher(), now)
    waiting = decisions().waiting()
    count("OutboxRelayed", relayed)
    count("OutboxWaiting", waiting)
    return {"relayed": relayed, "waiting": waiting}

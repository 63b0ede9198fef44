"""On a schedule: publish what a crash, or a queue that was down, left in the outbox; drop expired keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from adapters.system import now
from domain.outbox import relay
from handlers.rounds import more_time
from handlers.telemetry import count, function
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


MOST_PRUNED = 10_000
"""Expired idempotency keys that one run removes; more than a minute brings."""


@function
def handler(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Relay until nothing old or no time is left; return how many were sent and how many still wait.

    What waits is told first: nobody else tells it when the rest fails.
    """
    backlog = decisions().backlog()
    count("OutboxWaiting", backlog.number)
    count("OutboxLag", backlog.age(now()).total_seconds(), unit=MetricUnit.Seconds)
    relayed = relay(decisions(), publisher(), now, partial(more_time, context))
    count("OutboxRelayed", relayed)
    decisions().prune(now(), MOST_PRUNED)
    return {"relayed": relayed, "waiting": decisions().backlog().number}

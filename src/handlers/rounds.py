"""Rounds of work that an invocation begins as long as it surely sees their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.publisher import longest
from domain.outbox import Topic

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ROUND = longest(len(Topic)) + 3.0
"""Seconds in which messages are read, sent to all topics and forgotten, when neither queues nor stream answer."""


def more_time(context: LambdaContext) -> bool:
    """Say whether there is time for another round."""
    return context.get_remaining_time_in_millis() >= ROUND * 1000

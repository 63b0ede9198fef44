"""Noting why messages failed, for those who find them among the dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from adapters.system import now
from domain.letters.failures import Attempt
from handlers.log_format import story
from handlers.telemetry import logger
from handlers.wiring.failures import failures

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

NOTED = 100
"""Failures of one batch that are noted: a queue's whole batch, and the first of a stream's, which is retried there."""
WORDS = 1000
"""Characters that are kept of what happened."""
NEEDED = 5_000
"""Milliseconds that noting may take, in which the function must not end."""


def attempt(record: str, error: Exception, context: LambdaContext) -> Attempt:
    """Return what is kept of a record's failure, without what somebody sent."""
    kind, words = type(error).__qualname__, story(error)[:WORDS].encode(errors="replace").decode()
    return Attempt(record, kind, words, context.function_name, context.aws_request_id, now())


def note(failed: Mapping[str, Exception], context: LambdaContext) -> None:
    """Note why records failed, by their ids; when that cannot be, or in time, only the log tells."""
    if not failed:
        return
    if context.get_remaining_time_in_millis() < NEEDED:
        logger.warning("no time left to note failures", number=len(failed))
        return
    try:
        failures().record([attempt(record, error, context) for record, error in islice(failed.items(), NOTED)])
    except Exception:
        logger.warning("failures could not be noted", number=len(failed), exc_info=True)

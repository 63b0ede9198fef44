"""What the authorizer logs, with the ids of its invocation and of the request that it was asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
def refused(event: dict[str, Any], _: LambdaContext, error: Exception) -> None:
    """Log that a token was refused, and why."""
    _of_request(event)
    logger.info("refused", reason=str(error), route=event.get("routeKey") or event.get("resource"))


@logger.inject_lambda_context(clear_state=True)
def without_keys(event: dict[str, Any], _: LambdaContext) -> None:
    """Log the exception that is being handled: no token can be verified."""
    _of_request(event)
    logger.exception("no token can be verified")


def _of_request(event: dict[str, Any]) -> None:
    logger.set_correlation_id(event.get("requestContext", {}).get("requestId"))
    logger.remove_keys(["cold_start"])  # this line comes whenever something is refused first

"""On a schedule and on demand: compare the decisions with the projection."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.inventory.reconciling import Difference, reconcile
from domain.inventory.stock import StockLevel
from handlers.telemetry import count, logger
from handlers.wiring.database import decisions
from handlers.wiring.views import stock_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

GRACE = 60
"""Seconds in which a decision may be on its way to the projection."""
NAMED = 100


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Compare every sku; `grace_seconds` in the event overrides GRACE. Names up to NAMED differences."""
    grace = timedelta(seconds=event.get("grace_seconds", GRACE))
    found = reconcile(decisions(), stock_view(), now, grace)
    count("ReconciliationDifferences", len(found.differences))
    named = [_shown(one) for one in found.differences[:NAMED]]
    if named:
        logger.error("decisions and projection differ", differences=named, number=len(found.differences))
    return {"compared": found.compared, "differing": len(found.differences), "differences": named}


def _shown(difference: Difference) -> dict[str, Any]:
    return {
        "sku": difference.sku,
        "decided": _level(difference.decided),
        "projected": _level(difference.projected),
    }


def _level(level: StockLevel | None) -> dict[str, int] | None:
    if level is None:
        return None
    return {
        "on_hand": level.on_hand,
        "allocated": level.allocated,
        "shipped_total": level.shipped_total,
        "version": level.version,
    }

"""On a schedule and on demand: compare the decisions with the projection, and repair it when asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.inventory.reconciling import Difference, reconcile
from domain.inventory.stock import StockLevel
from handlers.telemetry import count, function, logger
from handlers.wiring.database import decisions
from handlers.wiring.views import stock_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

GRACE = 60
"""Seconds in which a decision may be on its way to the projection."""
NAMED = 100


@function
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Compare every sku; `grace_seconds` in the event overrides GRACE, and `repair` lets the projection follow.

    Answers what differs, or, after a repair, still differs. Names up to NAMED differences.
    """
    grace = timedelta(seconds=event.get("grace_seconds", GRACE))
    found = reconcile(decisions(), stock_view(), now, grace, repair=event.get("repair") is True)
    count("ReconciliationDifferences", len(found.differences))
    lasting = _named(found.differences)
    if found.repaired:
        logger.warning("projection repaired", differences=_named(found.repaired), number=len(found.repaired))
    if lasting:
        logger.error("decisions and projection differ", differences=lasting, number=len(found.differences))
    return {
        "compared": found.compared,
        "repaired": len(found.repaired),
        "differing": len(found.differences),
        "differences": lasting,
    }


def _named(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {"sku": one.sku, "decided": _level(one.decided), "projected": _level(one.projected)}
        for one in differences[:NAMED]
    ]


def _level(level: StockLevel | None) -> dict[str, int] | None:
    if level is None:
        return None
    return {
        "on_hand": level.on_hand,
        "allocated": level.allocated,
        "shipped_total": level.shipped_total,
        "version": level.version,
    }

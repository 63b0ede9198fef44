"""What people do to the stock by hand: the audit trail of who moved how many units, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What sort of movement it was."""

    PURCHASE = "purchase"
    """Units came in from a supplier."""
    RETURN = "return"
    """Units came back from a customer."""
    ADJUSTMENT = "adjustment"
    """The books follow the shelf: breakage, theft, a count."""


@dataclass(frozen=True)
class Movement:
    """Units that came in (`quantity` above 0) or went out (below): why, by whom, and the stock version it made.

    `reason` is in people's own words and belongs to adjustments, `order_id` to returns; None where there is none.
    """

    id: str
    sku: str
    kind: Kind
    quantity: int
    reason: str | None
    order_id: str | None
    actor: str
    at: datetime
    version: int

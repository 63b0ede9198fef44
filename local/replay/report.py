"""The report: what became of every order and unit, how fast, and where the time went."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from local.replay.evidence import Outcome
from local.replay.feeding import CURRENCY, Failure, Fed
from local.replay.function_log import Work
from local.replay.reconciling import Level, Reconciliation, reconcile
from local.retail import Sales

FULFILLED, REJECTED, CANCELLED = "FULFILLED", "REJECTED", "CANCELLED"


@dataclass(frozen=True)
class Facts:
    """What a run left behind; `visible` is when readers saw each order, `seconds` from the first POST to rest."""

    outcomes: Sequence[Outcome]
    feed: Fed
    before: Mapping[str, Level]
    decided: Mapping[str, Level]
    projected: Mapping[str, Level]
    visible: Mapping[str, datetime]
    functions: Sequence[Work]
    phases: Mapping[str, float]
    seconds: float
    server_errors: int
    retries: int
    dead_letters: Mapping[str, int]
    hanging: Sequence[str]


@dataclass(frozen=True)
class Orders:
    """Invoices by what became of them; `confirmed` were that at some time, `failed` were refused at the door."""

    placed: int
    confirmed: int
    fulfilled: int
    rejected: Mapping[str, int]
    cancelled: int
    open: int
    failed: int


@dataclass(frozen=True)
class Spread:
    """How seconds spread over so many measured; None when nothing was."""

    measured: int
    p50: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True)
class Report:
    """What a replay found; `ok` when every order was decided and every unit accounted for."""

    file: str
    stock: float
    orders: Orders
    units: int
    value_minor: int
    currency: str
    placed_to_projected: Spread
    post: Spread
    orders_per_second: float
    seconds: Mapping[str, float]
    functions: Sequence[Work]
    skipped: Mapping[str, int]
    server_errors: int
    retries: int
    failures: Sequence[Failure]
    dead_letters: Mapping[str, int]
    hanging: Sequence[str]
    reconciliation: Reconciliation

    @property
    def ok(self) -> bool:
        """Whether nothing failed, differs, hangs or is left open."""
        wrong = (self.failures, self.orders.open, self.dead_letters, self.hanging, self.reconciliation.differences)
        return not any(wrong)

    @classmethod
    def of(cls, facts: Facts, *, file: str, stock: float, sales: Sales) -> Report:
        """Return the report of a run's facts."""
        fulfilled = [order for order in facts.outcomes if order.status == FULFILLED]
        shipped = _shipped(fulfilled)
        return cls(
            file=file,
            stock=stock,
            orders=_orders(facts),
            units=sum(shipped.values()),
            value_minor=sum(order.total_minor for order in fulfilled),
            currency=CURRENCY,
            placed_to_projected=spread(_waits(fulfilled, facts.visible)),
            post=spread([one.seconds for one in facts.feed.placed]),
            orders_per_second=round(len(facts.outcomes) / facts.seconds, 2) if facts.seconds else 0.0,
            seconds={name: round(seconds, 2) for name, seconds in facts.phases.items()},
            functions=facts.functions,
            skipped=dict(sales.skipped),
            server_errors=facts.server_errors,
            retries=facts.retries,
            failures=facts.feed.failures,
            dead_letters=facts.dead_letters,
            hanging=facts.hanging,
            reconciliation=reconcile(
                facts.before,
                facts.feed.received,
                shipped,
                decided=facts.decided,
                projected=facts.projected,
                skus=sorted(sales.products),
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON: `ok` and what it rests on."""
        failures = [failure._asdict() for failure in self.failures]
        return {"ok": self.ok, **asdict(self), "failures": failures}


def spread(seconds: Collection[float]) -> Spread:
    """Return percentiles by nearest rank, rounded to milliseconds."""
    ordered = sorted(seconds)

    def rank(share: float) -> float | None:
        return round(ordered[math.ceil(share * len(ordered)) - 1], 3) if ordered else None

    return Spread(len(ordered), rank(0.5), rank(0.95), rank(1.0))


def _orders(facts: Facts) -> Orders:
    statuses = Counter(order.status for order in facts.outcomes)
    reasons = Counter(order.reason or "unknown" for order in facts.outcomes if order.status == REJECTED)
    return Orders(
        placed=len(facts.outcomes),
        confirmed=sum(order.confirmed for order in facts.outcomes),
        fulfilled=statuses[FULFILLED],
        rejected=dict(reasons),
        cancelled=statuses[CANCELLED],
        open=len(facts.outcomes) - statuses[FULFILLED] - statuses[REJECTED] - statuses[CANCELLED],
        failed=sum(failure.phase == "orders" for failure in facts.feed.failures),
    )


def _shipped(fulfilled: Sequence[Outcome]) -> Counter[str]:
    units: Counter[str] = Counter()
    for order in fulfilled:
        units.update(order.quantities)
    return units


def _waits(fulfilled: Sequence[Outcome], visible: Mapping[str, datetime]) -> list[float]:
    """Return the seconds from placing each order until readers saw what it took, where that is known."""
    return [
        (visible[order.order_id] - order.placed_at).total_seconds() for order in fulfilled if order.order_id in visible
    ]

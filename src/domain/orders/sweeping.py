"""Sweeping: an order whose message died is sent on its way again, and one that stays where it is gets reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.decisions import Decisions
from domain.orders.order import OpenOrders, Status
from domain.outbox import Publisher, Topic, deliver
from domain.ports import Clock

RESEND_AGE = timedelta(minutes=30)
"""Longer than SQS delays a message (15 minutes at most), and than a queue takes to hand one out five times."""
STUCK_AGE = timedelta(hours=2)
"""By then an order has been sent again so often that sending is not what it lacks."""
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
TASKS = {Status.PLACED: Topic.PLACED, Status.CONFIRMED: Topic.CONFIRMED}


@dataclass(frozen=True)
class Swept:
    """How many orders were sent on their way again, and those that are stuck."""

    resent: int
    stuck: OpenOrders


def sweep_orders(
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
    *,
    stuck_too: bool = False,
    limit: int = 500,
    named: int = 20,
) -> Swept:
    """Publish anew the task of up to `limit` orders that have waited too long for it; return up to `named` stuck ones.

    A task that comes twice is harmless. Orders that are being decided right now are passed over, and, unless
    `stuck_too`, those that are stuck.
    """
    now = clock()
    since = BEFORE_ALL if stuck_too else now - STUCK_AGE
    with store.transaction() as tx:
        waiting = tx.lock_open_orders(since, now - RESEND_AGE, limit)
        tx.publish([order.task(TASKS[order.status]) for order in waiting], now)
    deliver(tx.written, store, publisher)
    return Swept(len(waiting), store.open_orders(now - STUCK_AGE, named))

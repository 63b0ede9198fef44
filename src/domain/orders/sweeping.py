"""Sweeping: an order whose message died is sent on its way again, and one that stays where it is gets reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.decisions import Decisions
from domain.orders.order import OpenOrders, Status
from domain.outbox import Publisher, Topic, deliver
from domain.ports import NO_ID, Clock, MoreTime

RESEND_AGE = timedelta(minutes=30)
"""Longer than SQS delays a message (15 minutes at most), and than a queue takes to hand one out five times."""
STUCK_AGE = timedelta(hours=2)
"""By then an order has been sent again so often that sending is not what it lacks."""
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
TASKS = {Status.PLACED: Topic.PLACED, Status.CONFIRMED: Topic.CONFIRMED}


@dataclass(frozen=True)
class Swept:
    """Of how many orders the task was published anew, and the orders that are stuck."""

    resent: int
    stuck: OpenOrders


def sweep_orders(
    store: Decisions,
    publisher: Publisher,
    clock: Clock,
    more_time: MoreTime,
    *,
    stuck_too: bool = False,
    limit: int = 500,
    named: int = 20,
) -> Swept:
    """Publish anew the tasks of orders that have waited too long for them; return up to `named` stuck ones.

    They come oldest first, `limit` in one transaction, until there are none or there is no more time. A task that
    comes twice is harmless. Orders that are being decided right now are passed over, and, unless `stuck_too`, those
    that are stuck.
    """
    now, resent = clock(), 0
    since, after = BEFORE_ALL if stuck_too else now - STUCK_AGE, NO_ID
    while more_time():
        with store.transaction() as tx:
            waiting = tx.lock_open_orders(since, now - RESEND_AGE, limit, after)
            tx.publish([order.task(TASKS[order.status]) for order in waiting], now)
        if not waiting:
            break
        deliver(tx.written, store, publisher)
        resent += len(waiting)
        since, after = waiting[-1].updated_at, waiting[-1].id
    return Swept(resent, store.open_orders(now - STUCK_AGE, named))

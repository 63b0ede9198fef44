"""Faults that hit calls of ports: their kinds, the calls they may hit, and where a seed lets them strike."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What may happen at a call.

    ERROR and DEATH come before its effect, LOST is an error after it; of THROTTLE's parts only half have theirs.
    """

    ERROR = "error"
    LOST = "lost"
    TIMEOUT = "timeout"
    DEATH = "death"
    DEATH_AFTER = "death after"
    CLOCK = "clock"
    THROTTLE = "half"


EVERYWHERE = (Kind.ERROR, Kind.LOST, Kind.TIMEOUT, Kind.DEATH, Kind.DEATH_AFTER, Kind.CLOCK)
SENDS = (*EVERYWHERE, Kind.THROTTLE)

CALLS: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(
        [
            "products.find",
            "products.change",
            "transaction.begin",
            "transaction.claim",
            "transaction.insert_order",
            "transaction.lock_orders",
            "transaction.lock_open_orders",
            "transaction.lock_stock",
            "transaction.open_stock",
            "transaction.save_orders",
            "transaction.save_stock",
            "transaction.insert_movement",
            "transaction.returned",
            "transaction.publish",
            "transaction.commit",
            "store.order",
            "store.open_orders",
            "store.events",
            "store.levels_of",
            "store.stock_levels",
            "store.movement",
            "store.forget",
            "store.relay",
            "store.backlog",
            "store.prune",
            "keys.put",
            "keys.update",
            "keys.delete",
            "counts.count",
            "view.levels",
            "view.replace",
            "sqs.receive_message",
            "sqs.delete_message_batch",
            "sqs.change_message_visibility_batch",
            "sqs.get_queue_attributes",
            "failures.record",
        ],
        EVERYWHERE,
    ),
    **dict.fromkeys(["sqs.send_message_batch", "kinesis.put_records", "view.write"], SENDS),
}
"""Every call that the handlers of an order's way make, and what may happen there."""

PAIRS = [(call, kind) for call, kinds in CALLS.items() for kind in kinds]
AIMED = 12
"""Pairs of call and kind that one schedule aims at."""
ANYWHERE = 0.015
"""The chance of a fault at any other call."""


class Faults:
    """One schedule's faults: some aimed at certain calls, so that every pair has its turn, others anywhere."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._aims = {pair: 1 + min(int(random.expovariate(0.9)), 6) for pair in random.sample(PAIRS, AIMED)}
        self._calls: Counter[str] = Counter()
        self.on = True
        self.fired: Counter[tuple[str, Kind]] = Counter()

    def strike(self, call: str) -> Kind | None:
        """Return what happens at a call, if anything."""
        if not self.on:
            return None
        self._calls[call] += 1
        aimed = [kind for (name, kind), at in self._aims.items() if name == call and self._calls[call] == at]
        kind = aimed[0] if aimed else None
        if kind is None and self._random.random() < ANYWHERE:
            kind = self._random.choice(CALLS[call])
        if kind is not None:
            self.fired[call, kind] += 1
        return kind

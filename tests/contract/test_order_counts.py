"""What every count of orders promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.inventory.projection import OrderStep
from domain.orders.order import Status
from tests.shop import NOON, new_id


def step(status: Status = Status.PLACED, seconds: float = 0, order_id: str | None = None) -> OrderStep:
    return OrderStep(order_id or new_id(), status, NOON + timedelta(seconds=seconds))


def test_orders_are_counted_by_minute_and_status(order_counts: Any) -> None:
    order_counts.count([step(), step(seconds=59.9), step(Status.CONFIRMED), step(seconds=60)])

    assert order_counts.counts(NOON) == {Status.PLACED: 2, Status.CONFIRMED: 1}
    assert order_counts.counts(NOON + timedelta(minutes=1)) == {Status.PLACED: 1}
    assert order_counts.counts(NOON + timedelta(minutes=2)) == {}


def test_a_step_counts_once_however_often_it_comes(order_counts: Any) -> None:
    one, two = step(), step()

    order_counts.count([one, one, two])
    order_counts.count([one])
    order_counts.count([two, one])

    assert order_counts.counts(NOON) == {Status.PLACED: 2}


def test_later_batches_add_up(order_counts: Any) -> None:
    for _ in range(3):
        order_counts.count([step(), step(Status.REJECTED)])

    assert order_counts.counts(NOON) == {Status.PLACED: 3, Status.REJECTED: 3}


def test_nothing_to_count_is_fine(order_counts: Any) -> None:
    order_counts.count([])

    assert order_counts.counts(NOON) == {}

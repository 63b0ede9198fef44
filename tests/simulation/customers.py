"""What people do: they order, cancel, receive, return and adjust, and ask again until they are answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.events import caller, http

BUYER, ADMIN = caller("ann", seconds=1e6), caller("boss", "admin", seconds=1e6)
OPENING = (4, 30)
"""The fewest and the most units of a sku in the beginning."""
ACCEPTED, REFUSED, BROKEN = 202, 400, 500
OLD = "00000000-0000-7000-8000-000000000000"
"""An order that has been shipped before the schedule begins, so that something can come back from the start."""
OLD_UNITS = 2
FEWEST, MOST = 5, 8
"""Orders of a schedule."""


@dataclass(eq=False)
class Operation:
    """A request that is sent until it is answered, under one idempotency key.

    `possible` tells whether it can be made yet, `request` returns the function's event.
    """

    name: str
    module: str
    request: Callable[[], dict[str, Any]]
    possible: Callable[[], bool] = lambda: True
    quantity: int = 0
    sku: str = ""
    sent: int = 0
    running: int = 0
    unheard: int = 0
    """The last invocation that had begun when an answer was lost: what that one did is not known."""
    status: int = 0
    body: Any = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        """Whether the answer is final."""
        return bool(self.status)

    def miss(self, latest: int) -> None:
        """Do without an answer: whoever was refused before and asked again does not know what came of it."""
        self.unheard = latest
        if self.status >= REFUSED:
            self.status, self.body = 0, {}

    def hear(self, answer: Any, number: int) -> None:
        """Take the answer of an invocation, if it is final: what is done stays done, what was refused need not.

        A refusal says nothing of an invocation whose answer was lost later than this one began.
        """
        status, body = answer["statusCode"], json.loads(answer["body"] or "{}")
        if status == BROKEN:
            self.problems.append(f"{self.name} was answered with a 500")
        if status >= BROKEN or str(body.get("type", "")).endswith(":request-in-flight"):
            return
        done = self.answered and self.status < REFUSED
        if done and (status, body.get("id")) != (self.status, self.body.get("id")):
            self.problems.append(f"{self.name} was answered {self.status} and then {status} {body.get('id', '')}")
        if not done and (status < REFUSED or number > self.unheard):
            self.status, self.body = status, body


@dataclass
class Plan:
    """Everything that people want in one schedule."""

    stock: dict[str, int]
    old: str
    """The sku of the old order."""
    orders: Sequence[Operation]
    others: Sequence[Operation]

    @property
    def all(self) -> list[Operation]:
        """All of it."""
        return [*self.orders, *self.others]


def plan(random: Random, fulfilled: Collection[str]) -> Plan:
    """Return what people want; `fulfilled` tells, as time goes on, which orders have left."""
    skus = ["TEA", "MILK", "CUPS", "SALT"][: random.randint(2, 4)]
    stock = {sku: random.randint(*OPENING) for sku in skus}
    orders = [_order(random, f"order {i}", skus) for i in range(random.randint(FEWEST, MOST))]
    others = [_cancel(random.choice(orders), f"cancel {i}") for i in range(random.randint(1, 3))]
    others += [_receipt(random, f"receipt {i}", skus) for i in range(random.randint(1, 2))]
    others += [_return_old(skus[0]), _return(random, "return", orders, fulfilled)]
    others += [_adjustment(random, f"adjustment {i}", skus) for i in range(random.randint(1, 2))]
    others.append(
        _withdrawal(random.choice(skus), orders) if random.random() < 0.3 else _new_price(random.choice(skus))
    )
    return Plan(stock, skus[0], orders, others)


def _order(random: Random, name: str, skus: Sequence[str]) -> Operation:
    lines = [{"sku": random.choice(skus), "quantity": random.randint(1, 5)} for _ in range(random.randint(1, 4))]
    return Operation(
        name,
        "create_order",
        lambda: http("create_order", {"lines": lines}, by=BUYER, headers={"Idempotency-Key": name}),
    )


def _cancel(order: Operation, name: str) -> Operation:
    return Operation(
        name,
        "cancel_order",
        lambda: http("cancel_order", by=BUYER, path={"id": order.body["id"]}),
        lambda: order.status == ACCEPTED,
    )


def _receipt(random: Random, name: str, skus: Sequence[str]) -> Operation:
    sku, quantity = random.choice(skus), random.randint(1, 10)
    body = {"quantity": quantity, "reason": "purchase"}
    event = http("receive_stock", body, by=ADMIN, path={"sku": sku}, headers={"Idempotency-Key": name})
    return Operation(name, "receive_stock", lambda: event, quantity=quantity, sku=sku)


def _return(random: Random, name: str, orders: Sequence[Operation], fulfilled: Collection[str]) -> Operation:
    """Return one unit of the first line of an order that is fulfilled when the return is first sent."""
    wanted = random.sample(list(orders), len(orders))
    made: dict[str, Any] = {}

    def shipped() -> Any:
        return next((one.body for one in wanted if one.status == ACCEPTED and one.body["id"] in fulfilled), None)

    def request() -> dict[str, Any]:
        if not made:
            order = shipped()
            one.sku = order["lines"][0]["sku"]
            made.update(_back(name, one.sku, order["id"], 1))
        return made

    one = Operation(name, "receive_stock", request, lambda: bool(made or shipped()), quantity=1)
    return one


def _return_old(sku: str) -> Operation:
    event = _back("return of old", sku, OLD, OLD_UNITS)
    return Operation("return of old", "receive_stock", lambda: event, quantity=OLD_UNITS, sku=sku)


def _back(name: str, sku: str, order_id: str, quantity: int) -> dict[str, Any]:
    body = {"quantity": quantity, "reason": "return", "order_id": order_id}
    return http("receive_stock", body, by=ADMIN, path={"sku": sku}, headers={"Idempotency-Key": name})


def _adjustment(random: Random, name: str, skus: Sequence[str]) -> Operation:
    sku, change = random.choice(skus), random.choice([-4, -2, -1, 1, 3])
    body = {"quantity_change": change, "reason": "counted"}
    event = http("adjust_stock", body, by=ADMIN, path={"sku": sku}, headers={"Idempotency-Key": name})
    return Operation(name, "adjust_stock", lambda: event, quantity=change, sku=sku)


def _new_price(sku: str) -> Operation:
    body = {"name": sku, "price_minor": 120, "currency": "GBP"}
    event = http("update_product", body, by=ADMIN, path={"sku": sku})
    return Operation("new price", "update_product", lambda: event)


def _withdrawal(sku: str, orders: Sequence[Operation]) -> Operation:
    """Withdraw a product once enough orders are accepted: they may be rejected, and later ones refused."""
    event = http("delete_product", by=ADMIN, path={"sku": sku})
    return Operation(
        "withdrawal", "delete_product", lambda: event, lambda: sum(one.status == ACCEPTED for one in orders) >= FEWEST
    )

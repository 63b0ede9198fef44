"""Clients who buy, cancel, receive, return and adjust at once; what each of them tries comes from a seed."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests

from tests.e2e.shop import Person, problem

Line = tuple[str, int]
FINAL = 409, "conflict"
MOVEMENTS = {"receipt": "purchase", "return": "return", "adjustment": "adjustment"}
"""What kind of movement each call makes."""


class Sent(NamedTuple):
    """An order that was accepted: its key, its lines and its id."""

    key: str
    lines: Sequence[Line]
    order: str


class Call(NamedTuple):
    """One request: what for, how it was answered, and after how many seconds."""

    kind: str
    status: int
    seconds: float


@dataclass
class Told:
    """What the shop said to one client, by id."""

    calls: list[Call] = field(default_factory=list)
    orders: dict[str, Sequence[Line]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    too_late: set[str] = field(default_factory=set)
    movements: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """Sku, kind and quantity."""


class Client:
    """One customer with the rights of an admin at hand, who does one thing after another."""

    def __init__(self, customer: Person, admin: Person, skus: Sequence[str], seed: str, everybodys: list[Sent]) -> None:
        self.told = Told()
        self._everybodys = everybodys
        self._customer = customer
        self._admin = admin
        self._skus = skus
        self._chance = random.Random(seed)
        self._sent: list[Sent] = []

    def work(self, until: float) -> Told:
        """Do things until a time (time.monotonic); return what the shop said."""
        while time.monotonic() < until:
            (act,) = self._chance.choices(list(ACTS), list(ACTS.values()))
            act(self)
        return self.told

    def order(self) -> None:
        """Order one to six lines in any order of skus, one sku perhaps twice."""
        lines = [(sku, self._chance.randint(1, 3)) for sku in self._chance.choices(self._skus, k=self._count(6))]
        key = self._key()
        answer = self._call("order", lambda: self._customer.order(*lines, key=key), 202)
        self._sent.append(Sent(key, lines, answer.json()["id"]))
        self._everybodys.append(self._sent[-1])
        self.told.orders[answer.json()["id"]] = lines

    def repeat(self) -> None:
        """Send an earlier order once more, as a client does that has lost the answer."""
        if self._sent:
            key, lines, first = self._chance.choice(self._sent)
            answer = self._call("repeat", lambda: self._customer.order(*lines, key=key), 202)
            assert answer.json()["id"] == first

    def cancel(self) -> None:
        """Try to cancel the last order, which is hard to come before, or any other."""
        if self._sent:
            order = self._chance.choice([self._sent[-1], self._chance.choice(self._sent)]).order
            answer = self._call("cancel", lambda: self._customer("POST", f"/orders/{order}/cancel"), 200, 409)
            if answer.status_code == 200:
                self.told.cancelled.add(order)
            else:
                assert problem(answer) == FINAL
                self.told.too_late.add(order)

    def receive(self) -> None:
        """Take units in."""
        body = {"quantity": self._count(20), "reason": "purchase"}
        self._move("receipt", self._chance.choice(self._skus), "receipts", body, 201)

    def give_back(self) -> None:
        """Return units of anybody's order, which may not have shipped, or be back already."""
        if self._everybodys:
            sent = self._chance.choice(self._everybodys)
            sku, quantity = self._chance.choice(sent.lines)
            body = {"quantity": self._count(quantity), "reason": "return", "order_id": sent.order}
            self._move("return", sku, "receipts", body, 201, 409)

    def follow(self) -> None:
        """Look up an earlier order."""
        if self._sent:
            sent = self._chance.choice(self._sent)
            found = self._call("follow", lambda: self._customer("GET", f"/orders/{sent.order}"), 200).json()
            assert [(line["sku"], line["quantity"]) for line in found["lines"]] == sent.lines

    def adjust(self) -> None:
        """Make the books follow the shelf, where that leaves what is promised."""
        body = {"quantity_change": self._chance.choice([-5, -2, -1, 1, 2]), "reason": "counted"}
        self._move("adjustment", self._chance.choice(self._skus), "adjustments", body, 201, 409)

    def look(self) -> None:
        """Read a sku's stock, which is possible at any time."""
        path = f"/inventory/{self._chance.choice(self._skus)}"
        seen = self._call("look", lambda: self._customer("GET", path), 200).json()
        assert 0 <= seen["allocated"] <= seen["on_hand"]

    def _move(self, kind: str, sku: str, where: str, body: dict[str, Any], *expected: int) -> None:
        path, key = f"/inventory/{sku}/{where}", self._key()
        answer = self._call(kind, lambda: self._admin("POST", path, body, key=key), *expected)
        if answer.status_code == 201:
            quantity = body.get("quantity") or body["quantity_change"]
            self.told.movements[answer.json()["id"]] = (sku, MOVEMENTS[kind], quantity)
        else:
            assert problem(answer) == FINAL

    def _call(self, kind: str, send: Callable[[], requests.Response], *expected: int) -> requests.Response:
        began = time.monotonic()
        answer = send()
        self.told.calls.append(Call(kind, answer.status_code, time.monotonic() - began))
        assert answer.status_code in expected, f"{kind}: {answer.status_code} {answer.text}"
        return answer

    def _key(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128)))

    def _count(self, most: int) -> int:
        return self._chance.randint(1, most)


ACTS: dict[Callable[[Client], None], int] = {
    Client.order: 40,
    Client.repeat: 5,
    Client.cancel: 15,
    Client.receive: 10,
    Client.give_back: 10,
    Client.adjust: 10,
    Client.follow: 5,
    Client.look: 5,
}
"""What a client may do, and how often."""

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

    def __init__(self, customer: Person, admin: Person, skus: Sequence[str], seed: str) -> None:
        self.told = Told()
        self._customer = customer
        self._admin = admin
        self._skus = skus
        self._chance = random.Random(seed)
        self._sent: list[tuple[str, Sequence[Line], str]] = []  # key, lines, id
        self._returned: set[tuple[str, str]] = set()

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
        self._sent.append((key, lines, answer.json()["id"]))
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
            *_, order = self._chance.choice([self._sent[-1], self._chance.choice(self._sent)])
            answer = self._call("cancel", lambda: self._customer("POST", f"/orders/{order}/cancel"), 200, 409)
            if answer.status_code == 200:
                self.told.cancelled.add(order)
            else:
                assert problem(answer) == FINAL
                self.told.too_late.add(order)

    def receive(self) -> None:
        """Take units in."""
        self._move("receipt", self._chance.choice(self._skus), self._count(20), "purchase")

    def give_back(self) -> None:
        """Return a line of an earlier order, if it was fulfilled."""
        if self._sent:
            _, lines, order = self._chance.choice(self._sent)
            sku = self._chance.choice(lines)[0]
            found = self._call("follow", lambda: self._customer("GET", f"/orders/{order}"), 200).json()
            if found["status"] == "FULFILLED" and (order, sku) not in self._returned:
                self._returned.add((order, sku))
                self._move("return", sku, self._count(sum(n for one, n in lines if one == sku)), "return", order)

    def adjust(self) -> None:
        """Make the books follow the shelf, where that leaves what is promised."""
        sku, change = self._chance.choice(self._skus), self._chance.choice([-5, -2, -1, 1, 2])
        body = {"quantity_change": change, "reason": "counted"}
        path, key = f"/inventory/{sku}/adjustments", self._key()
        answer = self._call("adjustment", lambda: self._admin("POST", path, body, key=key), 201, 409)
        if answer.status_code == 201:
            self.told.movements[answer.json()["id"]] = (sku, "adjustment", change)
        else:
            assert problem(answer) == FINAL

    def look(self) -> None:
        """Read a sku's stock, which is possible at any time."""
        path = f"/inventory/{self._chance.choice(self._skus)}"
        seen = self._call("look", lambda: self._customer("GET", path), 200).json()
        assert 0 <= seen["allocated"] <= seen["on_hand"]

    def _move(self, kind: str, sku: str, quantity: int, reason: str, order: str | None = None) -> None:
        body: dict[str, Any] = {"quantity": quantity, "reason": reason, **({"order_id": order} if order else {})}
        path, key = f"/inventory/{sku}/receipts", self._key()
        answer = self._call(kind, lambda: self._admin("POST", path, body, key=key), 201)
        self.told.movements[answer.json()["id"]] = (sku, reason, quantity)

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
    Client.order: 45,
    Client.repeat: 5,
    Client.cancel: 15,
    Client.receive: 10,
    Client.give_back: 10,
    Client.adjust: 10,
    Client.look: 5,
}
"""What a client may do, and how often."""

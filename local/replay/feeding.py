"""Feeding a file to the shop over HTTP: products, stock, returns, sign-ins, orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from local.replay.accounts import Accounts
from local.replay.phases import Phases
from local.replay.shop import Answer, Shop
from local.retail import Offer, Return, Sale

CURRENCY = "GBP"
ADMIN = "admin"


class Placed(NamedTuple):
    """An invoice that was accepted as an order, and the seconds that its POST took."""

    invoice: str
    order_id: str
    seconds: float


class Failure(NamedTuple):
    """A request that was refused for good: in which phase, for which sku or invoice, and the problem document."""

    phase: str
    name: str
    status: int
    problem: Any


@dataclass(frozen=True)
class Fed:
    """What the shop took: units received by sku, orders, and what it refused."""

    received: Mapping[str, int]
    placed: Sequence[Placed]
    failures: Sequence[Failure]


@dataclass
class Feed:
    """Sends each part of a file; `run` makes its idempotency keys different from those of every other run."""

    shop: Shop
    accounts: Accounts
    phases: Phases
    run: str
    at_once: int
    placed: list[Placed] = field(default_factory=list)
    _received: Counter[str] = field(default_factory=Counter)
    _failures: list[Failure] = field(default_factory=list)

    def told(self) -> Fed:
        """Return what has been fed so far."""
        return Fed(dict(self._received), list(self.placed), list(self._failures))

    async def create_products(self, products: Mapping[str, Offer]) -> None:
        """Create the products; those that exist keep their price."""

        async def create(item: tuple[str, Offer]) -> None:
            sku, offer = item
            body = {"sku": sku, "name": offer.name, "price_minor": offer.price_minor, "currency": CURRENCY}
            answer = await self.shop.post("/products", body, who=ADMIN, key=f"{self.run}-{sku}")
            self._expect(answer, "products", sku, HTTPStatus.CREATED, HTTPStatus.CONFLICT)

        await self.phases.each("products", products.items(), create, at_once=self.at_once)

    async def receive_stock(self, units: Mapping[str, int]) -> None:
        """Receive so many units of each sku as purchases."""

        async def receive(item: tuple[str, int]) -> None:
            sku, quantity = item
            body = {"quantity": quantity, "reason": "purchase"}
            await self._add("stock", sku, quantity, "receipts", body, f"{self.run}-stock-{sku}")

        await self.phases.each("stock", [one for one in units.items() if one[1]], receive, at_once=self.at_once)

    async def take_returns(self, returns: Sequence[Return]) -> None:
        """Take the returns in, as adjustments: the file does not say which order shipped what comes back."""

        async def take(item: tuple[int, Return]) -> None:
            number, one = item
            body = {"quantity_change": one.quantity, "reason": f"return {one.invoice}"}
            await self._add("returns", one.sku, one.quantity, "adjustments", body, f"{self.run}-return-{number}")

        await self.phases.each("returns", list(enumerate(returns)), take, at_once=self.at_once)

    async def sign_in(self, orders: Collection[Sale]) -> None:
        """Sign in every customer who orders, and one guest for all invoices without a customer."""
        names = list(dict.fromkeys(_username(order) for order in orders))
        await self.phases.each("sign-ins", names, self.accounts.open, at_once=self.at_once)

    async def place_orders(self, orders: Collection[Sale]) -> None:
        """Place the orders."""
        await self.phases.each("orders", orders, self._place, at_once=self.at_once)

    async def _place(self, order: Sale) -> None:
        body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in order.lines]}
        key = f"{self.run}-{order.invoice}"
        answer = await self.shop.post("/orders", body, who=_username(order), key=key)
        if self._expect(answer, "orders", order.invoice, HTTPStatus.ACCEPTED):
            self.placed.append(Placed(order.invoice, answer.body["id"], answer.seconds))

    async def _add(self, phase: str, sku: str, quantity: int, how: str, body: Mapping[str, Any], key: str) -> None:
        answer = await self.shop.post(f"/inventory/{sku}/{how}", body, who=ADMIN, key=key)
        if self._expect(answer, phase, sku, HTTPStatus.CREATED):
            self._received[sku] += quantity

    def _expect(self, answer: Answer, phase: str, name: str, *expected: HTTPStatus) -> bool:
        if answer.status in expected:
            return True
        self._failures.append(Failure(phase, name, answer.status, answer.body))
        return False


def _username(order: Sale) -> str:
    return f"retail-{order.customer_id or 'guest'}"

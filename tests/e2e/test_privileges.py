"""Really needed: whatever is taken out of a role, what needs it fails, and goes on when it is put back.

A sample of some statements of each kind, on a stack of its own, whose calls are no record of what functions may do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import eventually, running
from tests.e2e.shop import Person, Shop

pytestmark = pytest.mark.xdist_group("e2e-privileges")

KETTLE = {"name": "Kettle"}


@dataclass
class Bench:
    """A shop, and what the samples need in it before anything is taken away."""

    shop: Shop
    roles: Any = field(init=False)

    def __post_init__(self) -> None:
        self.roles = self.shop.info.client("iam")

    @cached_property
    def customer(self) -> Person:
        return self.shop.customer()

    @cached_property
    def item(self) -> str:
        return str(self.customer("POST", "/item", KETTLE).headers["Location"])

    @cached_property
    def sku(self) -> str:
        return self.shop.product(stock=100)

    def order(self, status: str) -> bool:
        """Say whether a new order comes so far, or stands still because of a denial."""
        path = self.customer.ordered((self.sku, 1))
        return self._comes(lambda: bool(self.customer.get(path)["status"] == status))

    def shows(self) -> bool:
        """Say whether units that are taken in show, or do not because of a denial."""
        arrival = {"quantity": 1, "reason": "purchase"}
        self.shop.admin("POST", f"/inventory/{self.sku}/receipts", arrival, key=str(uuid.uuid4()))
        return self._comes(self._is_shown)

    def ships(self) -> bool:
        """Say whether an order's end shows in the stock, or does not because of a denial."""
        self.customer.sees(self.customer.ordered((self.sku, 1)), "FULFILLED")
        return self._comes(self._is_shown)

    def invoke(self, function: str) -> bool:
        """Say whether a function succeeds."""
        return "FunctionError" not in self.shop.info.client("lambda").invoke(FunctionName=function, Payload=b"{}")

    def denials(self, function: str) -> int:
        """Return how often a function has told of a denial."""
        entries = map(json.loads, Path(self.shop.info.log).read_text().splitlines())
        return sum(one["function"] == function and "AccessDenied" in one["line"] for one in entries)

    @contextmanager
    def without(self, function: str, action: str, resource: str) -> Iterator[None]:
        """Take the one statement out of a function's role that allows an action on a resource."""
        role, physical = f"{function}Role", self.shop.info.resources[resource].rpartition("/")[2]
        name = self.shop.info.resources[role]
        for policy in self.roles.list_role_policies(RoleName=name)["PolicyNames"]:
            document = self.roles.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            kept = [one for one in document["Statement"] if not (action in one["Action"] and physical in str(one))]
            if len(kept) < len(document["Statement"]):
                break
        else:
            raise AssertionError(f"{function} may not do {action} on {resource} anyway")
        self._put(name, policy, {**document, "Statement": kept})
        self._function = function
        self._before = self.denials(function)
        try:
            yield
        finally:
            self._put(name, policy, document)
            self._before = self.denials(function)

    def _put(self, role: str, policy: str, document: dict[str, Any]) -> None:
        if document["Statement"]:
            self.roles.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
        else:
            self.roles.delete_role_policy(RoleName=role, PolicyName=policy)

    def _comes(self, there: Callable[[], bool]) -> bool:
        eventually(lambda: there() or self.denials(self._function) > self._before)
        return there()

    def _is_shown(self) -> bool:
        ((version,),) = self.shop.query("SELECT version FROM product_info WHERE sku = %s", self.sku)
        return bool(self.shop.admin.get(f"/inventory/{self.sku}")["version"] >= version)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with running(recorded=False) as up:
        bench = Bench(Shop(up.state.read()))
        assert bench.item
        assert bench.shop.stock(bench.sku) == (100, 0)
        yield bench


SAMPLE: dict[tuple[str, str, str], Callable[[Bench], bool]] = {
    ("CreateItemFunction", "dynamodb:PutItem", "ItemsTable"): lambda b: b.customer("POST", "/item", KETTLE).ok,
    ("ListItemsFunction", "dynamodb:Query", "ItemsTable"): lambda b: b.customer("GET", "/item").ok,
    ("GetItemFunction", "dynamodb:GetItem", "ItemsTable"): lambda b: b.customer("GET", b.item).ok,
    ("UpdateItemFunction", "dynamodb:PutItem", "ItemsTable"): lambda b: b.customer("PUT", b.item, KETTLE).ok,
    ("ListInventoryFunction", "dynamodb:Scan", "InventoryTable"): lambda b: b.shop.admin("GET", "/inventory").ok,
    ("GetInventoryFunction", "dynamodb:GetItem", "InventoryTable"): (
        lambda b: b.customer("GET", f"/inventory/{b.sku}").ok
    ),
    ("ListUsersFunction", "dynamodb:Scan", "UsersTable"): lambda b: b.shop.admin("GET", "/users").ok,
    ("LoginUserFunction", "cognito-idp:AdminInitiateAuth", "UserPool"): (
        lambda b: b.shop.login(b.customer.username, b.customer.password).ok
    ),
    ("GetProductFunction", "secretsmanager:GetSecretValue", "ProductSecret"): (
        lambda b: b.shop.public("GET", f"/products/{b.sku}").ok
    ),
    ("ListDeadLettersFunction", "sqs:ReceiveMessage", "OrdersDeadLetters"): (
        lambda b: b.shop.admin("GET", "/dead-letters/orders").ok
    ),
    ("CreateOrderFunction", "dynamodb:PutItem", "IdempotencyTable"): lambda b: b.customer.order((b.sku, 1)).ok,
    ("CreateOrderFunction", "sqs:SendMessage*", "OrdersQueue"): lambda b: b.order("FULFILLED"),
    ("ProcessOrdersFunction", "sqs:SendMessage*", "ShippingQueue"): lambda b: b.order("FULFILLED"),
    ("UpdateStocksFunction", "kinesis:PutRecords", "Stream"): lambda b: b.ships(),
    ("ReceiveStockFunction", "kinesis:PutRecords", "Stream"): lambda b: b.shows(),
    ("ProjectInventoryFunction", "dynamodb:UpdateItem", "InventoryTable"): lambda b: b.shows(),
    ("ReconcileFunction", "dynamodb:Scan", "InventoryTable"): lambda b: b.invoke("ReconcileFunction"),
}
"""Statements, and what cannot be done without them."""


@pytest.mark.parametrize("statement", SAMPLE, ids=" ".join)
def test_without_a_statement_what_needs_it_fails(bench: Bench, statement: tuple[str, str, str]) -> None:
    does, function = SAMPLE[statement], statement[0]

    with bench.without(*statement):
        before = bench.denials(function)
        assert not does(bench)
        eventually(lambda: bench.denials(function) > before)

    eventually(lambda: does(bench))  # what was under way meanwhile may still tell of a denial

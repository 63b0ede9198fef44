"""Each operation that takes an Idempotency-Key, a new key, and the store of answers."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.events import Context
from tests.integration.conftest import Answer, Call
from tests.integration.idempotency.requests import ANN, BOSS, TEA, TWO_TEAS, Send, Store, header
from tests.shop import Shop


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture(params=["create_order", "receive_stock", "adjust_stock"])
def send(request: pytest.FixtureRequest, call: Call, shop: Shop) -> Send:
    """Return a function that sends a request, or with `other=True` another one, under a key."""

    def order(key: str | None, *, other: bool = False, remaining: int = 10_000) -> Answer:
        return call("create_order", TWO_TEAS if other else TEA, by=ANN, headers=header(key), context=left(remaining))

    def receipt(key: str | None, *, other: bool = False, remaining: int = 10_000) -> Answer:
        return move("receive_stock", {"quantity": 2 if other else 1, "reason": "purchase"}, key, remaining)

    def adjustment(key: str | None, *, other: bool = False, remaining: int = 10_000) -> Answer:
        return move("adjust_stock", {"quantity_change": -2 if other else -1, "reason": "broken"}, key, remaining)

    def move(module: str, body: Any, key: str | None, remaining: int) -> Answer:
        return call(module, body, by=BOSS, path={"sku": "TEA"}, headers=header(key), context=left(remaining))

    def left(remaining: int) -> Context:
        return Context(remaining=remaining)

    sends: dict[str, Send] = {"create_order": order, "receive_stock": receipt, "adjust_stock": adjustment}
    return sends[request.param]


@pytest.fixture
def store(ministack: Cloud, environment: Any) -> Store:
    """Return the table of answers, empty."""
    return Store(ministack, environment["IDEMPOTENCY_TABLE"])

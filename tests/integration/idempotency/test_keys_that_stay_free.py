"""What was refused or failed uses up no key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.integration.conftest import Call
from tests.integration.idempotency.requests import ANN, BOSS, TEA, Send, Store, done, header
from tests.shop import Shop

RECEIPT = {"quantity": 1, "reason": "purchase"}
ADJUSTMENT = {"quantity_change": -1, "reason": "broken"}


@pytest.mark.parametrize(
    ("module", "change", "status"),
    [
        pytest.param("create_order", {"body": {"lines": []}}, 400, id="an order of nothing"),
        pytest.param("create_order", {"body": "{"}, 400, id="an order that is no JSON"),
        pytest.param(
            "create_order", {"body": {"lines": [{"sku": "GOLD", "quantity": 1}]}}, 400, id="a product we lack"
        ),
        pytest.param("create_order", {"headers": {"content-type": "text/plain"}}, 415, id="an order as text"),
        pytest.param("create_order", {"body": {"lines": "x" * 1_000_000}}, 413, id="an order of a megabyte"),
        pytest.param("create_order", {"by": None}, 401, id="an order of nobody"),
        pytest.param("receive_stock", {"path": {"sku": "GOLD"}}, 404, id="a receipt of a product we lack"),
        pytest.param("receive_stock", {"body": {**RECEIPT, "order_id": "none"}}, 400, id="a receipt for no order"),
        pytest.param("receive_stock", {"body": {**RECEIPT, "quantity": 0}}, 400, id="a receipt of nothing"),
        pytest.param("receive_stock", {"by": ANN}, 403, id="a receipt by a customer"),
        pytest.param("adjust_stock", {"path": {"sku": "GOLD"}}, 404, id="an adjustment of a product we lack"),
        pytest.param("adjust_stock", {"body": {**ADJUSTMENT, "quantity_change": -11}}, 409, id="more than there is"),
        pytest.param("adjust_stock", {"body": {"quantity_change": 0, "reason": "x"}}, 400, id="no change"),
    ],
)
def test_a_refused_request_leaves_its_key_to_the_one_that_is_right(
    call: Call, shop: Shop, key: str, store: Store, module: str, change: dict[str, Any], status: int
) -> None:
    right: dict[str, dict[str, Any]] = {
        "create_order": {"body": TEA, "by": ANN},
        "receive_stock": {"body": RECEIPT, "by": BOSS, "path": {"sku": "TEA"}},
        "adjust_stock": {"body": ADJUSTMENT, "by": BOSS, "path": {"sku": "TEA"}},
    }
    wrong = right[module] | change

    refused = call(module, **{**wrong, "headers": header(key) | wrong.get("headers", {})})

    assert refused.status == status
    assert store.items() == []
    assert call(module, **right[module], headers=header(key)).status in (201, 202)


def test_without_the_database_a_key_is_freed_for_the_next_try(
    send: Send, shop: Shop, key: str, store: Store, rewire: Callable[..., None], ministack: Cloud, environment: Any
) -> None:
    before = done(shop)
    down = ministack.secret({"host": "127.0.0.1", "port": 1, "username": "u", "password": "p"})
    rewire(INVENTORY_SECRET_ARN=down)

    refused = send(key)
    rewire(INVENTORY_SECRET_ARN=environment["INVENTORY_SECRET_ARN"])

    assert refused.problem() == (503, "unavailable")
    assert store.items() == []
    assert done(shop) == before
    assert send(key).status in (201, 202)

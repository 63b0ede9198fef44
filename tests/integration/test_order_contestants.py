"""Who `make bench` holds against CreateOrder does the same: answers, rows, messages."""

from __future__ import annotations

import importlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.create_order import OTHERS, SOLD, answer
from domain.orders.order import Order
from local.state import ROOT
from tests.cloud import Cloud
from tests.events import Context, said
from tests.shop import Shop

Handler = Callable[[Any, Any], Any]


@pytest.fixture(params=["order_bare", "order_powertools"])
def peer(
    request: pytest.FixtureRequest, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Handler]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks/contestants")
    yield importlib.import_module(request.param).handler
    database = sys.modules["order_store"]._database
    for name in ("product", "inventory"):
        database(name).close()
    database.cache_clear()


@pytest.fixture
def ours(environment: Mapping[str, str]) -> Any:
    return importlib.import_module("handlers.create_order").handler


@pytest.fixture(autouse=True)
def sold(shop: Shop) -> None:
    for sku, (price, currency) in SOLD.items():
        shop.sell(sku, price, currency=currency)


def answers(handler: Handler) -> dict[str, Any]:
    events = json.loads(json.dumps(OTHERS).replace("<unique>", str(uuid.uuid4())))
    return {name: handler(event, Context()) for name, event in events.items()}


def test_both_answer_alike(ours: Handler, peer: Handler) -> None:
    mine, theirs = answers(ours), answers(peer)

    assert {name: answer(one) for name, one in mine.items()} == {name: answer(one) for name, one in theirs.items()}
    for found in (mine, theirs):
        assert found["again"]["statusCode"] == 202
        assert json.loads(found["again"]["body"]) == json.loads(found["again, the same"]["body"])


def test_both_leave_the_same_behind(
    ours: Handler, peer: Handler, shop: Shop, ministack: Cloud, environment: Mapping[str, str]
) -> None:
    orders = [json.loads(answers(handler)["again"]["body"])["id"] for handler in (ours, peer)]

    kept, theirs = (shop.store.order(one) for one in orders)
    assert kept
    assert theirs
    assert _anonymous(kept) == _anonymous(theirs)
    assert len(shop.store.orders_of(kept.customer_id, 50)) == 2 * len(["again", "spelt otherwise"])
    for one in (kept, theirs):
        assert shop.store.events(one.id) == [one.event()]
    assert shop.store.backlog().number == 0
    queued = [json.loads(one["Body"]) for one in ministack.messages(environment["ORDERS_QUEUE_URL"])]
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    for one in (kept, theirs):
        assert {"order_id": one.id} in queued
        assert one.message().body in streamed


def _anonymous(order: Order) -> Order:
    moment = order.placed_at.replace(year=2026, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    assert order.updated_at == order.placed_at
    return replace(order, id="id", placed_at=moment, updated_at=moment)

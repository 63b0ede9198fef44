"""What runs on a schedule: the relay, and comparing both sides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.others import MemoryPublisher
from adapters.postgres.decisions import PostgresDecisions
from adapters.system import now
from domain.errors import Unavailable
from domain.outbox import RELAY_AGE
from tests.cloud import Cloud
from tests.events import Context, said
from tests.shop import Shop, level

LONG_AGO = timedelta(hours=1)


def left_behind(shop: Shop) -> Shop:
    """Return the shop as a writer sees it that will die before it has published."""
    silent = MemoryPublisher()
    silent.down = True
    return Shop(shop.store, shop.products, silent, lambda: now() - LONG_AGO)


def test_what_was_left_behind_is_relayed(invoke: Any, shop: Shop, ministack: Cloud, environment: Any) -> None:
    writer = left_behind(shop)
    order = writer.place(("TEA", 1))
    writer.allocate(order.id)
    assert shop.store.backlog().number == 5

    assert invoke("relay_outbox", {}) == {"relayed": 5, "waiting": 0}

    for queue in ("ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"):
        assert [one for one in ministack.messages(environment[queue]) if order.id in one["Body"]]
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    assert [one["status"] for one in streamed if one.get("order_id") == order.id] == ["PLACED", "CONFIRMED"]


def test_what_is_young_is_left_to_its_writer(invoke: Any, shop: Shop) -> None:
    writer = left_behind(shop)
    writer.clock = now
    shop.publisher.down = True
    shop.place(("TEA", 1))

    assert timedelta(seconds=5) < RELAY_AGE
    assert invoke("relay_outbox", {}) == {"relayed": 0, "waiting": 2}


def test_more_than_one_round_is_relayed(invoke: Any, shop: Shop) -> None:
    writer = left_behind(shop)
    for _ in range(260):
        writer.place(("TEA", 1))

    assert invoke("relay_outbox", {}) == {"relayed": 520, "waiting": 0}


def test_a_relay_that_may_not_see_the_end_of_a_round_begins_none(invoke: Any, shop: Shop) -> None:
    left_behind(shop).place(("TEA", 1))

    assert invoke("relay_outbox", {}, Context(remaining=36_000)) == {"relayed": 0, "waiting": 2}
    assert invoke("relay_outbox", {}, Context(remaining=37_000)) == {"relayed": 2, "waiting": 0}


def test_what_cannot_be_sent_waits(invoke: Any, shop: Shop, rewire: Any, capsys: Any) -> None:
    left_behind(shop).place(("TEA", 1))
    rewire(ORDERS_QUEUE_URL="http://127.0.0.1:1/000000000000/gone")

    assert invoke("relay_outbox", {}) == {"relayed": 1, "waiting": 1}

    told = metrics(capsys)
    assert (told["OutboxRelayed"], told["OutboxWaiting"]) == (1, 2)
    assert LONG_AGO.total_seconds() <= told["OutboxLag"] < 2 * LONG_AGO.total_seconds()


def test_what_waits_is_told_though_relaying_fails(
    invoke: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """By an error, or by Lambda at the end of its time."""
    left_behind(shop).place(("TEA", 1))

    def lost(*_: Any) -> Any:
        raise Unavailable("the database does not answer in time")

    monkeypatch.setattr(PostgresDecisions, "relay", lost)
    with pytest.raises(Unavailable):
        invoke("relay_outbox", {})

    told = metrics(capsys)
    assert (told["OutboxWaiting"], "OutboxRelayed" in told) == (2, False)
    assert told["OutboxLag"] >= LONG_AGO.total_seconds()


def test_an_empty_outbox_has_no_lag(invoke: Any, shop: Shop, capsys: Any) -> None:
    invoke("relay_outbox", {})

    assert metrics(capsys) == {"OutboxRelayed": 0, "OutboxWaiting": 0, "OutboxLag": 0}


def test_orders_whose_message_died_are_sent_again_and_stuck_ones_reported(
    invoke: Any, shop: Shop, ministack: Cloud, environment: Any, log: Any, capsys: Any
) -> None:
    for queue in ("ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL"):
        ministack.messages(environment[queue])  # of other tests
    waiting, stuck = (
        Shop(shop.store, shop.products, MemoryPublisher(), lambda age=age: now() - age)
        for age in (timedelta(hours=1), timedelta(hours=3))
    )
    placed, confirmed = waiting.place(("TEA", 1)), waiting.place(("TEA", 1))
    waiting.allocate(confirmed.id)
    lost = [stuck.place(("TEA", 1)).id for _ in range(21)]

    assert invoke("sweep_orders", {}) == {"resent": 2, "stuck": 21}

    for queue, order in (("ORDERS_QUEUE_URL", placed), ("SHIPPING_QUEUE_URL", confirmed)):
        sent = [json.loads(one["Body"])["order_id"] for one in ministack.messages(environment[queue])]
        assert order.id in sent
        assert not set(lost) & set(sent)
    assert shop.store.backlog().number == 0
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert "/dead-letters/orders" in line["message"]
    assert (line["number"], [one["id"] for one in line["oldest"]]) == (21, lost[:20])
    assert {one["status"] for one in line["oldest"]} == {"PLACED"}
    assert metrics(capsys) == {"OrdersResent": 2, "OrdersStuck": 21}


def test_stuck_orders_are_sent_again_when_somebody_asks_for_it(
    invoke: Any, shop: Shop, ministack: Cloud, environment: Any
) -> None:
    """Their letters may be gone after 14 days; the orders are not."""
    order = Shop(shop.store, shop.products, MemoryPublisher(), lambda: now() - timedelta(days=20)).place(("TEA", 1))
    assert invoke("sweep_orders", {"stuck_too": True}) == {"resent": 1, "stuck": 1}
    assert {"order_id": order.id} in [
        json.loads(one["Body"]) for one in ministack.messages(environment["ORDERS_QUEUE_URL"])
    ]


def test_more_than_one_page_is_swept_as_long_as_there_is_time(invoke: Any, shop: Shop) -> None:
    late = Shop(shop.store, shop.products, MemoryPublisher(), lambda: now() - LONG_AGO)
    for _ in range(510):
        late.place(("TEA", 1))

    assert invoke("sweep_orders", {}, Context(remaining=36_000)) == {"resent": 0, "stuck": 0}
    assert invoke("sweep_orders", {}) == {"resent": 510, "stuck": 0}


def test_a_sweep_that_finds_nothing_says_so(invoke: Any, shop: Shop, log: Any, capsys: Any) -> None:
    assert invoke("sweep_orders", {}) == {"resent": 0, "stuck": 0}
    assert metrics(capsys) == {"OrdersResent": 0, "OrdersStuck": 0}
    assert not [line for line in log() if line["level"] == "ERROR"]


def metrics(capsys: Any) -> dict[str, float]:
    """Return the metrics that were emitted, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    named = [(one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], one) for one in lines]
    return {name: one[name][0] for name, one in named}


@pytest.fixture
def clean_view(ministack: Cloud, environment: Any) -> Any:
    """Return the view behind the handlers, empty."""
    from handlers.wiring.views import stock_view  # noqa: PLC0415 - handlers are imported with their variables set

    client, table = ministack.client("dynamodb"), environment["INVENTORY_TABLE"]
    for item in client.scan(TableName=table, ProjectionExpression="sku")["Items"]:
        client.delete_item(TableName=table, Key=item)
    return stock_view()


def test_two_sides_that_agree(invoke: Any, shop: Shop, clean_view: Any) -> None:
    clean_view.write(shop.store.stock_levels(10))

    agreed = {"compared": 2, "repaired": 0, "differing": 0, "differences": []}
    assert invoke("reconcile", {"grace_seconds": 0}) == agreed
    assert invoke("reconcile", {"grace_seconds": 0, "repair": True}) == agreed


def test_differences_are_named_and_logged(invoke: Any, shop: Shop, clean_view: Any, log: Any) -> None:
    tea = shop.level("TEA")
    clean_view.write([level("TEA", 7, on_hand=99, at=tea.updated_at), level("GHOST", at=tea.updated_at)])

    answer = invoke("reconcile", {"grace_seconds": 0})

    decided = {"on_hand": 10, "allocated": 0, "shipped_total": 0, "version": 1}
    assert (answer["compared"], answer["differing"]) == (2, 3)
    assert answer["differences"] == [
        {"sku": "MILK", "decided": decided, "projected": None},
        {"sku": "TEA", "decided": decided, "projected": {**decided, "on_hand": 99, "version": 7}},
        {"sku": "GHOST", "decided": None, "projected": decided},
    ]
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["number"] == 3
    assert invoke("reconcile", {"grace_seconds": 0, "repair": "no"})["differing"] == 3


def test_differences_are_repaired_on_request(
    invoke: Any, shop: Shop, clean_view: Any, log: Any, capsys: Any, ministack: Cloud, environment: Any
) -> None:
    """And those that cannot be repaired last."""
    tea = shop.level("TEA")
    clean_view.write([level("TEA", 7, on_hand=99, at=tea.updated_at), level("GHOST", at=tea.updated_at)])

    answer = invoke("reconcile", {"grace_seconds": 0, "repair": True})

    assert answer == {"compared": 2, "repaired": 3, "differing": 0, "differences": []}
    assert sorted(clean_view.levels(), key=lambda one: one.sku) == shop.store.stock_levels(10)
    assert metrics(capsys)["ReconciliationDifferences"] == 0
    (line,) = [line for line in log() if line["level"] == "WARNING"]
    assert (line["number"], [one["sku"] for one in line["differences"]]) == (3, ["MILK", "TEA", "GHOST"])


def test_a_difference_that_cannot_be_repaired_lasts(
    invoke: Any, shop: Shop, clean_view: Any, capsys: Any, ministack: Cloud, environment: Any
) -> None:
    table, ago = environment["INVENTORY_TABLE"], shop.level("TEA").updated_at
    clean_view.write([level("TEA", 1, on_hand=10, at=ago), level("MILK", 0, at=ago)])
    ministack.client("dynamodb").update_item(
        TableName=table,
        Key={"sku": {"S": "MILK"}},
        UpdateExpression="REMOVE sold_hour, sold",
    )

    answer = invoke("reconcile", {"grace_seconds": 0, "repair": True})

    assert (answer["repaired"], answer["differing"]) == (0, 1)
    assert [one["sku"] for one in answer["differences"]] == ["MILK"]
    assert metrics(capsys)["ReconciliationDifferences"] == 1


def test_what_is_on_its_way_is_no_difference(invoke: Any, shop: Shop, clean_view: Any, log: Any) -> None:
    """A scheduled run allows for a minute between decision and projection."""
    assert invoke("reconcile", {})["differing"] == 0
    assert invoke("reconcile", {"grace_seconds": 0})["differing"] == 2


def test_a_hundred_differences_are_named_at_most(invoke: Any, shop: Shop, clean_view: Any) -> None:
    clean_view.write([level(f"GHOST-{i}") for i in range(130)])

    answer = invoke("reconcile", {"grace_seconds": 0})

    assert (answer["differing"], len(answer["differences"])) == (132, 100)

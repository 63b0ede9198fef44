"""The two queues' functions: partial batches, poison, duplicates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.orders.order import Status
from handlers.wiring.failures import failures as known_failures
from tests.cloud import Cloud
from tests.events import failures, said, sqs
from tests.shop import Shop, new_id

Invoke = Any


def task(order_id: Any) -> dict[str, Any]:
    return {"order_id": order_id}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics that were emitted, by name and reason (CloudWatch's embedded metric format)."""
    found: dict[str, float] = {}
    for line in capsys.readouterr().out.splitlines():
        said = json.loads(line)
        for metric in said.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
            name = ":".join([metric["Name"], *([said["Reason"]] if "Reason" in said else [])])
            found[name] = found.get(name, 0) + sum(said[metric["Name"]])
    return found


def test_a_batch_is_decided_and_sent_on(
    invoke: Invoke, shop: Shop, ministack: Cloud, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    confirmed, rejected = shop.place(("TEA", 10)), shop.place(("TEA", 1))

    answer = invoke("process_orders", sqs(task(confirmed.id), task(rejected.id)))

    assert failures(answer) == []
    assert [shop.order(one.id).status for one in (confirmed, rejected)] == [Status.CONFIRMED, Status.REJECTED]
    sent = [json.loads(one["Body"]) for one in ministack.messages(environment["SHIPPING_QUEUE_URL"])]
    assert task(confirmed.id) in sent
    assert task(rejected.id) not in sent
    assert metrics(capsys) == {"OrdersConfirmed": 1, "OrdersRejected:out_of_stock": 1}


def test_a_batch_is_shipped(
    invoke: Invoke, shop: Shop, ministack: Cloud, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [shop.place(("TEA", 2)) for _ in range(3)]
    shop.allocate(*[one.id for one in orders])

    answer = invoke("update_stocks", sqs(*[task(one.id) for one in orders]))

    assert failures(answer) == []
    assert shop.stock("TEA") == (4, 0, 6)
    streamed = said(ministack.records(environment["STREAM_NAME"]))
    assert streamed[-1] == {**streamed[-1], "sku": "TEA", "on_hand": 4, "allocated": 0, "shipped_total": 6}
    assert metrics(capsys) == {"OrdersFulfilled": 3}


QUEUES = [("process_orders", Status.CONFIRMED), ("update_stocks", Status.FULFILLED)]


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest) -> tuple[str, Status]:
    """Return a queue's function, and the status to which it brings an order."""
    module, status = request.param
    return module, status


def ready(shop: Shop, module: str) -> str:
    """Return the id of an order that waits for that queue."""
    order = shop.place(("TEA", 1))
    if module == "update_stocks":
        shop.allocate(order.id)
    return order.id


@pytest.mark.parametrize(
    "poison",
    [
        "not json",
        "[]",
        "null",
        "7",
        "{}",
        task(None),
        task(7),
        task([]),
        task("nobody"),
        task("0191c0de-abcd-7000-8000-000000000000"),
        task("nul\0"),
    ],
)
def test_a_poison_message_fails_alone(invoke: Invoke, shop: Shop, queue: tuple[str, Status], poison: Any) -> None:
    module, status = queue
    first, last = ready(shop, module), ready(shop, module)

    answer = invoke(module, sqs(task(first), poison, task(last)))

    assert failures(answer) == ["m1"]
    assert shop.order(first).status is shop.order(last).status is status


def test_a_poison_message_is_named_in_the_log(
    invoke: Invoke, shop: Shop, queue: tuple[str, Status], log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = queue

    invoke(module, sqs(task(ready(shop, module)), "not json"))

    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["record"] == "m1"
    assert "JSONDecodeError" in line["exception"]
    assert metrics(capsys)["FailedRecords"] == 1


def test_when_all_fail_all_are_named(invoke: Invoke, queue: tuple[str, Status]) -> None:
    module, _ = queue

    assert failures(invoke(module, sqs("x", task(new_id()), task(new_id())))) == ["m0", "m1", "m2"]


def test_the_next_batch_knows_nothing_of_the_last(invoke: Invoke, shop: Shop, queue: tuple[str, Status]) -> None:
    module, _ = queue

    assert failures(invoke(module, sqs("x", "y"))) == ["m0", "m1"]
    assert failures(invoke(module, sqs(task(ready(shop, module))))) == []


def test_a_message_may_come_twice_in_a_batch_and_again(invoke: Invoke, shop: Shop, queue: tuple[str, Status]) -> None:
    module, status = queue
    order = ready(shop, module)

    for _ in range(2):
        assert failures(invoke(module, sqs(task(order), task(order)))) == []

    assert shop.order(order).status is status
    assert len([step for step in shop.store.events(order) if step.status is status]) == 1


def test_a_cancelled_order_is_passed_over(invoke: Invoke, shop: Shop, queue: tuple[str, Status]) -> None:
    module, _ = queue
    order = ready(shop, module)
    shop.cancel(order)

    assert failures(invoke(module, sqs(task(order)))) == []
    assert shop.order(order).status is Status.CANCELLED


@pytest.mark.parametrize("event", [{}, {"records": []}, {"detail": {}}, {"Records": None}])
def test_an_event_that_is_no_batch_is_refused(invoke: Invoke, queue: tuple[str, Status], event: Any) -> None:
    """Were it a success, whoever sent it would believe that its work is done."""
    module, _ = queue

    with pytest.raises(Exception, match=r"(?i)record|event|batch"):
        invoke(module, event)


def test_while_the_database_is_down_every_message_stays(
    invoke: Invoke, shop: Shop, queue: tuple[str, Status], rewire: Any, ministack: Cloud
) -> None:
    module, status = queue
    order = ready(shop, module)
    down = ministack.secret({"host": "127.0.0.1", "port": 1, "username": "u", "password": "p"})
    rewire(PRODUCT_SECRET_ARN=down, INVENTORY_SECRET_ARN=down)

    assert failures(invoke(module, sqs(task(order), task(new_id())))) == ["m0", "m1"]
    assert shop.order(order).status is not status


def test_a_hundred_orders_are_one_batch(invoke: Invoke, shop: Shop) -> None:
    shop.receive("TEA", 100)
    orders = [shop.place(("TEA", 1), ("TEA", 1)) for _ in range(60)]

    assert failures(invoke("process_orders", sqs(*[task(one.id) for one in orders]))) == []

    assert shop.stock("TEA") == (110, 110, 0)


def test_why_a_message_failed_is_kept_beside_the_log(invoke: Invoke, shop: Shop, queue: tuple[str, Status]) -> None:
    module, _ = queue
    event = sqs(task(ready(shop, module)), "not json")
    event["Records"][0]["messageId"] = done = new_id()
    event["Records"][1]["messageId"] = message = new_id()

    for _ in range(2):
        assert failures(invoke(module, event)) == [message]

    known = known_failures().find([message, done])
    assert list(known) == [message]
    assert (known[message].times, known[message].last.error) == (2, "JSONDecodeError")
    assert known[message].first_at < known[message].last.at

"""A second stack, from a changed copy of the template and the code, and with parameters of its own.

Poison, cancelling in time, calling too often, sudden death, changing code.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.state import StackInfo
from tests.e2e.clone import Clone
from tests.e2e.running import eventually, folder_for_all, running
from tests.e2e.shop import Shop, problem

pytestmark = pytest.mark.xdist_group("e2e")

SHIPPING_DELAY = 4
CALLS_PER_MINUTE = 8
DEAD = "\n      RedrivePolicy: {deadLetterTargetArn: !GetAtt OrdersDeadLetters.Arn, maxReceiveCount: "


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """Change the template so that poison, and a dead worker's key, are given up after seconds."""
    with folder_for_all() as folder:
        clone = Clone(folder)
        clone.change(f"VisibilityTimeout: 200{DEAD}5", f"VisibilityTimeout: 2{DEAD}2")
        clone.change("MaximumRetryAttempts: 10", "MaximumRetryAttempts: 2")
        clone.change("Description: Places an order\n", "Description: Places an order\n      Timeout: 5\n")
        yield clone


@pytest.fixture(scope="module")
def changed(clone: Clone) -> Iterator[Shop]:
    """Run the second stack beside the first."""
    given = (f"ShippingDelay={SHIPPING_DELAY}", f"CallsPerMinute={CALLS_PER_MINUTE}")
    with running(*clone.options, *(word for one in given for word in ("--parameter", one))) as up:
        yield Shop(up.state.read())


def messages(info: StackInfo, queue: str, number: int) -> list[str]:
    """Wait for that many messages in a queue; return their bodies."""
    sqs, url, found = info.client("sqs"), info.resources[queue], dict[str, str]()

    def receive() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=60)
        found.update({one["MessageId"]: one["Body"] for one in answer.get("Messages", [])})
        return len(found) >= number

    eventually(receive, why=lambda: found)
    return list(found.values())


def logged(info: StackInfo, function: str, text: str) -> bool:
    """Say whether a function logged a text."""
    entries = map(json.loads, Path(info.log).read_text().splitlines())
    return any(entry["function"] == function and text in entry["line"] for entry in entries)


def test_poison_in_a_queue_ends_in_its_dead_letters_and_real_orders_go_on(changed: Shop) -> None:
    customer, sku = changed.customer(), changed.product(stock=20)
    poison = ["not json", '{"order": 1}', '["order_id"]', json.dumps({"order_id": str(uuid.uuid4())})]
    sqs, queue = changed.info.client("sqs"), changed.info.resources["OrdersQueue"]
    orders = []
    for body in poison:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
        orders.append(customer.ordered((sku, 1)))
    for order in orders:
        customer.sees(order, "FULFILLED")
    assert sorted(messages(changed.info, "OrdersDeadLetters", len(poison))) == sorted(poison)
    assert logged(changed.info, "ProcessOrdersFunction", "record failed")
    assert changed.settled()["dead_letters"]["OrdersDeadLetters"] == len(poison)
    assert changed.stock(sku) == (16, 0)


def test_a_poisoned_record_ends_beside_the_stream_and_later_ones_are_projected(changed: Shop) -> None:
    kinesis, stream = changed.info.client("kinesis"), changed.info.resources["Stream"]
    poison = [b"not json", b'{"type": "stock", "sku": "X"}', b'{"type": "weather", "at": "2026-01-01"}']
    sent = [kinesis.put_record(StreamName=stream, Data=data, PartitionKey="X") for data in poison]
    sku = changed.product(stock=4)
    assert changed.stock(sku) == (4, 0)
    letters = [json.loads(body) for body in messages(changed.info, "ProjectionFailures", len(poison))]
    told = {letter["event_id"].partition(":")[2]: letter["data"].encode() for letter in letters}
    assert told == {record["SequenceNumber"]: data for record, data in zip(sent, poison, strict=True)}
    changed.settled()


def test_a_confirmed_order_can_be_cancelled_until_it_ships(changed: Shop) -> None:
    customer, sku = changed.customer(), changed.product(stock=3)
    assert customer("POST", "/orders/none/cancel").status_code == 404  # the function is warm now, and in time below
    late = customer.ordered((sku, 1))
    customer.sees(late, "CONFIRMED")
    path = customer.ordered((sku, 2))
    customer.sees(path, "CONFIRMED")
    cancelled = customer("POST", f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert customer("POST", f"{path}/cancel").json() == cancelled.json()
    assert [step["status"] for step in cancelled.json()["events"]] == ["PLACED", "CONFIRMED", "CANCELLED"]
    customer.sees(late, "FULFILLED")
    assert problem(customer("POST", f"{late}/cancel")) == (409, "conflict")
    changed.settled()
    assert customer.get(path) == cancelled.json()
    assert changed.stock(sku) == (2, 0)


COMMITTED = ("domain/orders/placing.py", "    deliver(tx.written, store, publisher)\n    return order\n")
SENT = ("handlers/create_order.py", '    count("OrdersPlaced")\n')


@pytest.mark.parametrize(("module", "line"), [COMMITTED, SENT], ids=["after the commit", "after the messages"])
def test_a_worker_that_dies_before_its_answer_is_kept_has_made_the_one_order(
    changed: Shop, clone: Clone, module: str, line: str
) -> None:
    customer, sku, key = changed.customer(), changed.product(stock=5), str(uuid.uuid4())
    with clone.edited(module, line, f"    __import__('os').kill(__import__('os').getpid(), 9)\n{line}"):
        died = customer.order((sku, 1), key=key)
    assert (died.status_code, died.json()) == (500, {"message": "Internal Server Error"})
    (made,) = customer.get("/orders")["orders"]

    answers = list[requests.Response]()

    def accepted() -> bool:
        answers.append(customer.order((sku, 1), key=key))
        return answers[-1].status_code == 202

    eventually(accepted)
    assert {problem(answer) for answer in answers[:-1]} <= {(409, "request-in-flight")}
    assert (answers[-1].json()["id"], answers[-1].json()["status"]) == (made["id"], "PLACED")
    assert customer.order((sku, 1), key=key).json() == answers[-1].json()
    assert changed.query("SELECT count(*) FROM orders WHERE customer_id = %s", customer.get("/user/me")["id"]) == [(1,)]
    changed.query("UPDATE outbox SET written_at = written_at - interval '1 minute' RETURNING id")
    changed.invoke("RelayOutboxFunction")
    customer.sees(f"/orders/{made['id']}", "FULFILLED")
    assert changed.stock(sku) == (4, 0)


def test_who_calls_too_often_is_told_to_wait(changed: Shop) -> None:
    """So many calls are too many in one of the two minutes that they may fall into."""
    body = {"username": "nobody"}
    calls = [changed.public("POST", "/user/password/forgot", body) for _ in range(2 * CALLS_PER_MINUTE + 1)]

    refused = [one for one in calls if one.status_code != 204]
    assert {problem(one) for one in refused} == {(429, "too-many-requests")}
    assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in refused)
    assert changed.public("POST", "/user/resend", body).status_code == 204
    assert not logged(changed.info, "ForgotPasswordFunction", "a call was not counted")


@pytest.fixture
def change(clone: Clone) -> Iterator[Callable[[str], object]]:
    """Give HealthFunction another code, until the test is over."""
    module = clone.src / "handlers" / "health.py"
    before = module.read_text()
    yield module.write_text
    module.write_text(before)


def test_changed_code_answers_the_next_request(changed: Shop, change: Callable[[str], object]) -> None:
    """Its answers are not those that the API's description promises, so they are asked for beside the shop."""

    def health() -> tuple[int, Any]:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{changed.info.url}/health", timeout=60)
        return answer.status_code, answer.json()

    assert health() == (200, {"status": "ok"})
    change('def handler(event, context): return {"status": "changed"}')
    assert health() == (200, {"status": "changed"})
    change("def handler(event, context): return {")
    assert health() == (500, {"message": "Internal Server Error"})
    assert logged(changed.info, "HealthFunction", "SyntaxError")
    change('def handler(event, context): return {"status": "mended"}')
    assert health() == (200, {"status": "mended"})

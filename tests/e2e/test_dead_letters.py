"""Messages that died: why is told, sending them back goes on where they died, giving them up rejects their orders."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.system import uuid7
from domain.idempotency import Key
from domain.orders.deciding import allocate_orders
from domain.orders.placing import PlaceOrder, place_order
from domain.outbox import Topic, Written
from tests.e2e.running import Up, eventually, tradepost
from tests.e2e.shop import Person, Shop, problem

pytestmark = pytest.mark.xdist_group("e2e")

Run = Callable[..., subprocess.CompletedProcess[str]]


class LosesTasks:
    """A publisher whose messages to queues are lost on the way, and whose records are left to the relay."""

    def send(self, messages: Sequence[Written]) -> Collection[int]:
        """Say that tasks were delivered."""
        return [one.id for one in messages if one.message.topic is not Topic.EVENTS]


@pytest.fixture
def run(stack: Up, shop: Shop) -> Run:
    return lambda *words, stdin="": tradepost("dead-letters", *words, state=stack.state.folder, stdin=stdin)


@pytest.fixture(autouse=True)
def _no_letters_in_the_end(shop: Shop) -> Iterator[None]:
    """Leave none to other tests."""
    yield
    for queue in ("orders", "shipping", "projection"):
        shop.admin("POST", f"/dead-letters/{queue}/purge", {"all": True})
    eventually(lambda: not any(shop.status()["dead_letters"].values()))


def a_minute_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def stuck(shop: Shop, customer: Person, sku: str, *, confirmed: bool = False) -> str:
    """Commit an order of two whose next message is lost; return its id."""
    secret = shop.info.database
    server = Server(secret["host"], secret["port"], secret["username"], secret["password"])
    products, inventory = (Database(name, lambda: server, "disable") for name in ("product", "inventory"))
    with closing(products), closing(inventory):
        catalogue, store = PostgresProducts(products), PostgresDecisions(inventory)
        ports = {"products": catalogue, "store": store, "publisher": LosesTasks(), "clock": a_minute_ago}
        wish = PlaceOrder(customer.get("/user/me")["id"], [(sku, 2)], Key(str(uuid.uuid4()), "digest"))
        order = place_order(wish, new_id=uuid7, **ports)  # type: ignore[arg-type] # all of them fit
        if confirmed:
            allocate_orders([order.id], **ports)  # type: ignore[arg-type] # as above
    shop.invoke("RelayOutboxFunction")
    return order.id


def dies(shop: Shop, queue: str, body: Any) -> str:
    """Put a message among the letters of a queue; return its id."""
    url = shop.info.resources[queue]
    sent = shop.info.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))
    return str(sent["MessageId"])


def listed(admin: Person, queue: str) -> list[Any]:
    found: list[Any] = admin.get(f"/dead-letters/{queue}")["dead_letters"]
    return found


def succeeds(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("queue", "source", "function"),
    [("orders", "OrdersQueue", "ProcessOrders"), ("shipping", "ShippingQueue", "UpdateStocks")],
)
def test_a_message_that_fails_again_and_again_is_a_letter_that_says_why(
    shop: Shop, admin: Person, customer: Person, run: Run, queue: str, source: str, function: str
) -> None:
    """Through the queue's own redrive policy; its messages come back after a second here.

    An order goes ahead: who waits for a message already would hide it for as long as before.
    """
    sqs, url, order = shop.info.client("sqs"), shop.info.resources[source], uuid7()
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    try:
        customer.sees(customer.ordered((shop.product(stock=1), 1)), "FULFILLED")
        sent = sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"order_id": order}))["MessageId"]
        (letter,) = eventually(lambda: listed(admin, queue))
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)
    assert (letter["id"], letter["order_id"]) == (sent, order)
    assert letter["why"] == f"NotFound: there is no order {order}"
    assert letter["failure"]["times"] >= 5
    assert function in letter["failure"]["function"]
    assert admin.get(f"/dead-letters/{queue}/{sent}")["why"] == letter["why"]
    shown = succeeds(run("list", queue))
    assert sent in shown
    assert "NotFound: there is no order" in shown


def test_a_redriven_order_is_fulfilled(shop: Shop, admin: Person, customer: Person, run: Run) -> None:
    sku = shop.product(stock=5)
    order = stuck(shop, customer, sku)
    letter = dies(shop, "OrdersDeadLetters", {"order_id": order})

    shown = succeeds(run("show", letter))
    assert "no record: the function died" in shown
    assert order in shown
    assert succeeds(run("redrive", "orders")) == "1 of 1 redriven\n"

    customer.sees(f"/orders/{order}", "FULFILLED")
    assert shop.stock(sku) == (3, 0)
    assert listed(admin, "orders") == []


def test_a_message_that_was_redriven_twice_changes_nothing(shop: Shop, admin: Person, customer: Person) -> None:
    """As after a crash between sending and removing, for an order that has gone on."""
    sku = shop.product(stock=5)
    path = customer.ordered((sku, 2))
    fulfilled = customer.sees(path, "FULFILLED")
    for queue, name in (("orders", "OrdersDeadLetters"), ("shipping", "ShippingDeadLetters")):
        for _ in range(2):
            dies(shop, name, {"order_id": fulfilled["id"]})
        assert admin("POST", f"/dead-letters/{queue}/redrive", {"limit": 100}).json()["redriven"] == 2
    shop.settled()
    assert customer.get(path) == fulfilled
    assert shop.stock(sku) == (3, 0)


def test_a_purged_order_is_rejected_and_its_units_are_free(shop: Shop, customer: Person, run: Run) -> None:
    sku = shop.product(stock=5)
    placed, confirmed = stuck(shop, customer, sku), stuck(shop, customer, sku, confirmed=True)
    first = dies(shop, "OrdersDeadLetters", {"order_id": placed})
    dies(shop, "ShippingDeadLetters", {"order_id": confirmed})

    assert succeeds(run("purge", "orders", "--id", first, "--yes")) == "1 of 1 purged\n1 orders rejected\n"
    assert json.loads(succeeds(run("purge", "shipping", "--all", "--json", "--yes")))["rejected"] == 1

    for order in (placed, confirmed):
        assert customer.sees(f"/orders/{order}", "REJECTED")["reason"] == "abandoned"
    assert shop.stock(sku) == (5, 0)


@pytest.mark.parametrize(
    "malformed", [pytest.param(b"not json", id="no JSON"), pytest.param(b"\xff\xfe" * 99, id="no text")]
)
def test_a_malformed_record_blocks_nothing_and_is_a_letter_with_its_data(
    shop: Shop, admin: Person, customer: Person, malformed: bytes
) -> None:
    stream, sku = shop.info.resources["Stream"], shop.product(stock=5)
    shop.info.client("kinesis").put_record(StreamName=stream, Data=malformed, PartitionKey="somebody")
    customer.sees(customer.ordered((sku, 1)), "FULFILLED")
    assert shop.stock(sku) == (4, 0)

    (letter,) = eventually(lambda: listed(admin, "projection"))
    body = json.loads(letter["body"])
    assert body["partition_key"] == "somebody"
    assert body["truncated"] is False
    assert "Error: " in letter["why"]
    assert "ProjectInventory" in letter["failure"]["function"]
    assert admin("POST", "/dead-letters/projection/redrive", {"ids": [letter["id"]]}).json()["redriven"] == 1
    (again,) = eventually(lambda: listed(admin, "projection"))
    assert json.loads(again["body"])["data"] == body["data"]


def test_redriving_keeps_to_its_rate_and_to_what_was_there(shop: Shop, run: Run) -> None:
    """It ends, though what cannot be read comes back at once."""
    stream = shop.info.resources["Stream"]
    for number in range(5):
        shop.info.client("kinesis").put_record(StreamName=stream, Data=f"no {number}".encode(), PartitionKey="k")
    eventually(lambda: shop.status()["dead_letters"]["ProjectionFailures"] == 5)

    shown = succeeds(run("redrive", "projection", "--rate", "2"))

    assert shown.splitlines()[0] == "2 of 5 redriven"


def test_what_cannot_be_moved_is_said(shop: Shop, admin: Person, run: Run) -> None:
    notice = {"KinesisBatchInfo": {"shardId": "shardId-000000000000", "startSequenceNumber": "1"}}
    dies(shop, "ProjectionFailures", notice)

    for words, why in (
        (("redrive", "projection"), "repair with reconcile"),
        (("redrive", "orders", "--id", "nobody"), "1 letters did not move"),
        (("show", "nobody"), "no dead letter nobody"),
    ):
        done = run(*words)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert why in done.stderr.splitlines()[-1]
    assert problem(admin("POST", "/dead-letters/projection/redrive", {})) == (409, "conflict")


def test_purging_asks_first(shop: Shop, run: Run) -> None:
    letter = dies(shop, "OrdersDeadLetters", {"order_id": str(uuid.uuid4())})

    assert run("purge", "orders", "--all", stdin="n\n").returncode == 1
    unanswered = run("purge", "orders", "--all")
    assert (unanswered.returncode, "--yes" in unanswered.stderr) == (1, True)
    assert letter in succeeds(run("list"))
    agreed = run("purge", "orders", "--all", stdin="y\n")
    assert agreed.stdout == "1 of 1 purged\n0 orders rejected\n"
    assert "deleted for good: 1, and orders that still wait for them are rejected" in agreed.stderr
    for words in (("list", "orders"), ("purge", "orders", "--all"), ("redrive", "orders")):
        assert succeeds(run(*words)) == "there are no dead letters of orders\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("purge", "orders"), "say which letters: --id ID, or --all"),
        (("purge", "orders", "--all", "--id", "1"), "not both"),
        (("purge", "nowhere", "--all"), "'nowhere' is not one of"),
    ],
)
def test_a_wrong_command_is_told_apart_from_a_failure(words: tuple[str, ...], why: str) -> None:
    done = tradepost("dead-letters", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


def test_who_is_no_admin_sees_no_letters(customer: Person) -> None:
    assert problem(customer("GET", "/dead-letters/orders")) == (403, "forbidden")

"""The endpoints of dead letters: list, show, redrive, purge."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from domain.orders.order import Status
from tests.cloud import Cloud
from tests.events import Context, caller, kinesis, sqs
from tests.integration.conftest import Answer, Call
from tests.shop import Shop, new_id

BOSS = caller("boss", "admin")
NAMES = {"orders": "ORDERS", "shipping": "SHIPPING", "projection": "PROJECTION"}

Die = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_letters(ministack: Cloud, environment: Any) -> None:
    for name in ("ORDERS_QUEUE_URL", "SHIPPING_QUEUE_URL", *(f"{one}_DEAD_LETTERS_URL" for one in NAMES.values())):
        ministack.messages(environment[name])


@pytest.fixture
def die(ministack: Cloud, environment: Any) -> Die:
    """Return a function that puts a message among the letters of a queue and returns its id."""

    def put(queue: str, body: Any) -> str:
        url, text = environment[f"{NAMES[queue]}_DEAD_LETTERS_URL"], body if isinstance(body, str) else json.dumps(body)
        return str(ministack.client("sqs").send_message(QueueUrl=url, MessageBody=text)["MessageId"])

    return put


def listed(call: Call, queue: str = "orders", **query: str) -> list[Any]:
    answer = call("list_dead_letters", path={"queue": queue}, query=query, by=BOSS)
    assert answer.status == 200, answer.text
    found: list[Any] = answer.body["dead_letters"]
    return found


def act(call: Call, what: str, body: Any, queue: str = "orders") -> Answer:
    return call(f"{what}_dead_letters", body, path={"queue": queue}, by=BOSS)


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    found = {}
    for line in capsys.readouterr().out.splitlines():
        said = json.loads(line)
        for metric in said.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
            found[":".join([metric["Name"], *([said["Reason"]] if "Reason" in said else [])])] = said[metric["Name"]][0]
    return found


def test_a_letter_says_why_its_message_failed(call: Call, invoke: Any, die: Die) -> None:
    """As the function that could not work it off has noted it."""
    letter = die("orders", body := {"order_id": new_id()})
    event, context = sqs(body), Context(function_name="ProcessOrders")
    event["Records"][0]["messageId"] = letter
    for _ in range(2):
        invoke("process_orders", event, context)

    (found,) = listed(call)

    assert (found["id"], json.loads(found["body"]), found["order_id"]) == (letter, body, body["order_id"])
    failure = found["failure"]
    assert (failure["error"], failure["function"], failure["times"]) == ("NotFound", "ProcessOrders", 2)
    assert failure["request_id"] == context.aws_request_id
    assert found["why"] == f"NotFound: there is no order {body['order_id']}"


def test_of_a_function_that_died_there_is_no_record(call: Call, die: Die) -> None:
    letter = die("shipping", {"order_id": new_id()})

    answer = call("get_dead_letter", path={"queue": "shipping", "id": letter}, by=BOSS)

    assert (answer.body["failure"], answer.body["why"]) == (None, "no record: the function died, or could not note why")


def test_lists_cut_bodies_and_one_letter_is_shown_whole(call: Call, die: Die) -> None:
    letter = die("orders", "x" * 5000)

    assert len(listed(call)[0]["body"]) == 2000
    assert call("get_dead_letter", path={"queue": "orders", "id": letter}, by=BOSS).body["body"] == "x" * 5000


def test_a_list_has_as_many_as_it_is_asked_for(call: Call, die: Die) -> None:
    for _ in range(3):
        die("orders", "{}")

    assert len(listed(call, limit="2")) == 2
    assert len(listed(call)) == 3


@pytest.mark.parametrize(
    ("module", "path", "body"),
    [
        ("list_dead_letters", {"queue": "nobody"}, None),
        ("get_dead_letter", {"queue": "nobody", "id": "1"}, None),
        ("get_dead_letter", {"queue": "orders", "id": "nobody"}, None),
        ("redrive_dead_letters", {"queue": "ORDERS"}, {}),
        ("purge_dead_letters", {"queue": "nobody"}, {"all": True}),
    ],
)
def test_what_is_not_there_is_not_found(call: Call, module: str, path: Any, body: Any) -> None:
    assert call(module, body, path=path, by=BOSS).problem() == (404, "not-found")


@pytest.mark.parametrize(("queue", "source"), [("orders", "ORDERS_QUEUE_URL"), ("shipping", "SHIPPING_QUEUE_URL")])
def test_redriven_letters_are_messages_again(
    call: Call, die: Die, ministack: Cloud, environment: Any, queue: str, source: str, capsys: Any
) -> None:
    ids = [new_id() for _ in range(12)]
    for one in ids:
        die(queue, {"order_id": one})

    answer = act(call, "redrive", {"limit": 11}, queue)

    assert answer.body == {"redriven": 11, "refused": [], "missing": [], "kept": [], "waiting": 1}
    sent = {json.loads(one["Body"])["order_id"] for one in ministack.messages(environment[source])}
    assert sent < set(ids)
    assert len(sent) == 11
    assert metrics(capsys)["DeadLettersRedriven"] == 11


def test_a_redriven_record_is_in_the_stream_again(call: Call, invoke: Any, ministack: Cloud, environment: Any) -> None:
    invoke("project_inventory", kinesis(b"\xffnot json"), Context(function_name="ProjectInventory"))
    (found,) = listed(call, "projection")
    assert found["failure"]["function"] == "ProjectInventory"
    assert found["why"].startswith("UnicodeDecodeError: ")

    assert act(call, "redrive", {"ids": [found["id"]]}, "projection").body["redriven"] == 1

    assert ministack.records(environment["STREAM_NAME"])[-1]["Data"] == b"\xffnot json"
    assert listed(call, "projection") == []


def test_a_notice_without_data_is_refused(call: Call, die: Die) -> None:
    die("projection", {"KinesisBatchInfo": {"shardId": "shardId-000000000000", "startSequenceNumber": "49"}})

    answer = act(call, "redrive", {}, "projection")

    assert answer.problem() == (409, "conflict")
    assert "reconcile" in answer.body["detail"]
    assert len(listed(call, "projection")) == 1


def test_purging_rejects_the_order(
    call: Call, die: Die, shop: Shop, ministack: Cloud, environment: Any, log: Any, capsys: Any
) -> None:
    order = shop.place(("TEA", 2))
    letter, other = die("orders", {"order_id": order.id}), die("orders", "not json")

    answer = act(call, "purge", {"ids": [letter, "nobody"]})

    assert answer.body == {"purged": 1, "rejected": 1, "missing": ["nobody"], "kept": [], "waiting": 1}
    assert (shop.order(order.id).status, shop.order(order.id).reason) == (Status.REJECTED, "abandoned")
    streamed = json.loads(ministack.records(environment["STREAM_NAME"])[-1]["Data"])
    assert (streamed["order_id"], streamed["reason"]) == (order.id, "abandoned")
    assert [one["id"] for one in listed(call)] == [other]
    before, after = [line for line in log() if line["message"] in ("letter to purge", "letters purged")]
    assert (before["letter"], json.loads(before["body"]), before["actor"]) == (letter, {"order_id": order.id}, "boss")
    assert (after["number"], after["kept"], after["rejected"]) == (1, [], [order.id])
    assert metrics(capsys) == {"DeadLettersPurged": 1, "OrdersRejected:abandoned": 1}


def test_purging_frees_what_was_promised(call: Call, die: Die, shop: Shop) -> None:
    orders = [shop.place(("TEA", 2), ("MILK", 1)) for _ in range(3)]
    shop.allocate(*[one.id for one in orders])
    for one in orders[:2]:
        die("shipping", {"order_id": one.id})

    assert act(call, "purge", {"all": True}, "shipping").body["rejected"] == 2

    assert shop.stock("TEA") == (10, 2, 0)
    assert shop.stock("MILK") == (10, 1, 0)
    assert shop.order(orders[2].id).status is Status.CONFIRMED


def test_a_letter_of_no_order_is_logged_and_gone(call: Call, die: Die, log: Any) -> None:
    die("orders", "not json")
    die("orders", {"order_id": new_id()})

    answer = act(call, "purge", {"all": True})

    assert answer.body == {"purged": 2, "rejected": 0, "missing": [], "kept": [], "waiting": 0}
    assert "not json" in [line.get("body") for line in log()]


def test_the_log_says_how_much_of_a_long_letter_it_keeps(call: Call, die: Die, log: Any) -> None:
    die("orders", "x" * 100_001)

    act(call, "purge", {"all": True})

    (line,) = [line for line in log() if line["message"] == "letter to purge"]
    assert (len(line["body"]), line["whole"]) == (100_000, False)


@pytest.mark.parametrize(
    ("what", "body", "fields"),
    [
        ("purge", {}, ["ids"]),
        ("purge", {"ids": ["1"], "all": True}, ["ids"]),
        ("purge", {"ids": []}, ["ids"]),
        ("purge", {"all": "yes"}, ["all"]),
        ("redrive", {"limit": 101}, ["limit"]),
        ("redrive", {"limit": 0}, ["limit"]),
        ("redrive", {"ids": [str(number) for number in range(101)]}, ["ids"]),
        ("redrive", {"all": True}, ["all"]),
        ("redrive", {"ids": ["1"], "limit": 5}, ["limit"]),
        ("purge", {"ids": ["1"], "limit": 5}, ["limit"]),
    ],
)
def test_what_is_not_said_clearly_is_refused(call: Call, die: Die, what: str, body: Any, fields: list[str]) -> None:
    die("orders", "{}")

    answer = act(call, what, body)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == fields
    assert len(listed(call)) == 1

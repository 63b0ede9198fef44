"""The command line beside a running stack."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.running import TRADEPOST, Up, logged_as, tradepost
from tests.e2e.shop import Http, Person, Shop

pytestmark = pytest.mark.xdist_group("e2e")

COMMANDS = ("up", "url", "token", "status", "invoke", "logs", "reconcile", "rotate", "replay", "dead-letters")
NEEDS_A_STACK = (
    ("url",),
    ("token",),
    ("status",),
    ("status", "--json"),
    ("invoke", "HealthFunction"),
    ("logs",),
    ("logs", "--follow"),
    ("reconcile",),
    ("rotate",),
    ("replay", __file__),
    ("dead-letters", "list"),
    ("dead-letters", "show", "1"),
    ("dead-letters", "redrive", "orders"),
    ("dead-letters", "purge", "orders", "--all", "--yes"),
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(stack: Up, shop: Shop) -> Run:
    """Run a command on the stack."""
    return lambda *words, stdin="": tradepost(*words, state=stack.state.folder, stdin=stdin)


def succeeds(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed that succeeded without a complaint."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fails(done: subprocess.CompletedProcess[str], why: str, code: int = 1) -> None:
    """Check that a command failed with one line that says why."""
    assert (done.returncode, done.stdout) == (code, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("tradepost: ")
    assert why in line


def test_url_prints_the_address_alone(run: Run, shop: Shop) -> None:
    assert succeeds(run("url")) == f"{shop.info.url}\n"


def test_token_prints_a_token_that_opens_the_door(run: Run, shop: Shop) -> None:
    customer, admin = (Http(shop.info.url, succeeds(run("token", name)).strip()) for name in ("customer", "admin"))
    assert customer.get("/user/me")["username"] == "customer"
    assert customer("POST", "/products", {}).status_code == 403
    assert admin("POST", "/products", {}).status_code == 400


def test_token_of_nobody_names_who_there_is(run: Run) -> None:
    fails(run("token", "nobody"), "there is no demo user nobody: choose customer or admin")


def test_status_tells_what_is_under_way(run: Run, shop: Shop) -> None:
    shop.settled()
    found = json.loads(succeeds(run("status", "--json")))
    assert found.keys() >= {"settled", "queues", "dead_letters", "outbox", "streams_idle", "sources", "functions"}
    assert found["settled"] is True
    assert found["queues"].keys() == {"OrdersQueue", "ShippingQueue"}
    letters = ("OrdersDeadLetters", "ShippingDeadLetters", "ProjectionFailures", "ScheduleFailures")
    assert found["dead_letters"] == dict.fromkeys(letters, 0)
    assert found["functions"]["CreateOrderFunction"]["invocations"] >= 0
    shown = succeeds(run("status"))
    assert shop.info.url in shown
    assert all(name in shown for name in (*found["queues"], *found["dead_letters"], *found["functions"]))


def test_invoke_takes_an_event_from_a_file_or_stdin(run: Run, tmp_path: Path) -> None:
    event = {"version": "2.0", "rawPath": "/health", "routeKey": "GET /health", "headers": {}}
    event["requestContext"] = {"requestId": "1", "http": {"method": "GET", "path": "/health"}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    for done in (
        run("invoke", "HealthFunction", "-e", str(file)),
        run("invoke", "HealthFunction", "--event", "-", stdin=file.read_text()),
    ):
        answer = json.loads(succeeds(done))
        assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "ok"})


def test_invoke_says_what_went_wrong(run: Run, tmp_path: Path) -> None:
    fails(run("invoke", "HealthFunktion"), "HealthFunction")
    fails(run("invoke", "HealthFunction", "-e", str(tmp_path / "none.json")), "none.json cannot be read")
    fails(run("invoke", "HealthFunction", "-e", "-", stdin="{"), "is not JSON")


def test_invoke_fails_when_the_function_does(run: Run) -> None:
    done = run("invoke", "ReconcileFunction", "-e", "-", stdin='{"grace_seconds": "soon"}')
    assert done.returncode == 1
    assert json.loads(done.stdout)["errorType"] == "TypeError"


def test_logs_show_one_function_or_all(run: Run, shop: Shop) -> None:
    shop.public.get("/health")
    health, login = (logged_as(one).removesuffix("Function") for one in ("Health", "LoginUser"))
    one, everything = succeeds(run("logs", logged_as("Health"))), succeeds(run("logs"))
    assert {line.split()[1] for line in one.splitlines()} == {health}
    assert "INFO answered route=GET /health status=200" in one
    assert {line.split()[1] for line in everything.splitlines() if re.match(r"\d\d:", line)} > {health, login}
    assert "START RequestId" not in everything
    assert "START RequestId" in succeeds(run("logs", "--all"))


def test_logs_of_an_unknown_function_name_the_near_ones(run: Run) -> None:
    fails(run("logs", "HealthFunktion"), "HealthFunction")


def test_logs_follow_until_ctrl_c(stack: Up, shop: Shop) -> None:
    words = [TRADEPOST, "logs", "--follow", logged_as("NotFound"), "--state", stack.state.folder]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        shop.public("GET", "/nowhere")
        assert any("route=$default status=404" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert "Traceback" not in process.stderr.read()


def test_reconcile_finds_a_difference_and_repairs_it(run: Run, shop: Shop, customer: Person) -> None:
    sku = shop.product(stock=3)
    customer.sees(customer.ordered((sku, 1)), "FULFILLED")
    agreed = json.loads(succeeds(run("reconcile")))
    assert agreed["compared"] > 60
    assert (agreed["differing"], agreed["differences"]) == (0, [])
    dynamodb, where = shop.info.client("dynamodb"), {"TableName": shop.info.resources["InventoryTable"]}
    item = dynamodb.get_item(**where, Key={"sku": {"S": sku}})["Item"]
    dynamodb.put_item(**where, Item={**item, "on_hand": {"N": "99"}})
    done = run("reconcile")
    assert (done.returncode, done.stderr) == (1, "")
    (difference,) = json.loads(done.stdout)["differences"]
    assert (difference["sku"], difference["decided"]["on_hand"], difference["projected"]["on_hand"]) == (sku, 2, 99)
    dynamodb.put_item(**where, Item={**item, "sku": {"S": f"GHOST-{sku}"}})
    repaired = json.loads(succeeds(run("reconcile", "--repair")))
    assert (repaired["repaired"], repaired["differing"], repaired["differences"]) == (2, 0, [])
    assert dynamodb.get_item(**where, Key={"sku": {"S": sku}})["Item"]["on_hand"] == {"N": "2"}
    assert json.loads(succeeds(run("reconcile")))["differing"] == 0


@pytest.mark.parametrize("words", NEEDS_A_STACK, ids=" ".join)
def test_without_a_stack_a_command_says_how_to_start_one(words: tuple[str, ...], tmp_path: Path) -> None:
    fails(tradepost(*words, state=tmp_path / "state"), "no Tradepost stack runs")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    assert f"Usage: tradepost {command}" in succeeds(tradepost(command, "--help"))


def test_the_help_names_every_command() -> None:
    shown = succeeds(tradepost("--help"))
    assert shown == succeeds(tradepost("-h"))
    assert all(re.search(rf"\b{command}\b", shown) for command in COMMANDS)
    assert tradepost("nonsense").returncode == 2

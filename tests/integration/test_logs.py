"""The log of a request: its id on every line, and nothing that a person keeps to themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import psycopg
import pytest

from adapters.postgres.database import Database
from domain.errors import Unavailable
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from tests.cloud import unique
from tests.events import Context, caller, http, kinesis, sqs
from tests.integration.conftest import Call
from tests.shop import Shop

Lines = Callable[[], list[dict[str, Any]]]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def lines(log: Lines, capsys: pytest.CaptureFixture[str]) -> Lines:
    """Return a function that returns everything that was written: log lines and metrics."""

    def written() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.err == ""
        return [*log(), *map(json.loads, captured.out.splitlines())]

    return written


def order(sku: str = "TEA") -> dict[str, Any]:
    return {"body": {"lines": [{"sku": sku, "quantity": 1}]}, "by": caller(), "headers": {"idempotency-key": unique()}}


REQUESTS: list[tuple[str, int, dict[str, Any], dict[str, str]]] = [
    ("health", 200, {}, {}),
    ("list_items", 200, {"by": caller()}, {}),
    ("get_item", 401, {"path": {"id": "1"}}, {}),
    ("list_inventory", 403, {"by": caller()}, {}),
    ("get_product", 404, {"path": {"sku": "NONE"}}, {}),
    ("login_user", 400, {"body": {}}, {}),
    ("login_user", 415, {"body": "x", "headers": {"content-type": "text/plain"}}, {}),
    ("login_user", 429, {"body": {}}, {"CALLS_PER_MINUTE": "0"}),
    ("resend_code", 400, {"body": {}}, {"THROTTLE_TABLE": "none"}),
    ("create_order", 202, order(), {}),
    ("create_order", 202, order(), {"AWS_ENDPOINT_URL_SQS": NOWHERE, "AWS_ENDPOINT_URL_KINESIS": NOWHERE}),
    ("create_order", 400, order("NONE"), {}),
    ("list_items", 500, {"by": caller()}, {"ITEMS_TABLE": "none"}),
    ("list_items", 500, {"by": caller()}, {"TOKENS_VERIFIED_BY": ""}),
    ("list_items", 503, {"by": caller()}, {"AWS_ENDPOINT_URL_DYNAMODB": NOWHERE}),
    ("list_orders", 503, {"by": caller()}, {"AWS_ENDPOINT_URL_SECRETS_MANAGER": NOWHERE}),
]
"""Handler, status, request, and variables that break something."""


@pytest.mark.parametrize(
    ("module", "status", "request_", "broken"),
    REQUESTS,
    ids=[f"{module}-{status}-{'-'.join(broken)}" for module, status, _, broken in REQUESTS],
)
def test_every_line_carries_the_id_that_the_answer_shows(
    call: Call,
    shop: Shop,
    lines: Lines,
    rewire: Callable[..., None],
    module: str,
    status: int,
    request_: dict[str, Any],
    broken: dict[str, str],
) -> None:
    rewire(**broken)

    answer = call(module, **request_)

    written = lines()
    assert answer.status == status
    assert written
    assert {line["correlation_id"] for line in written} == {answer.headers["x-request-id"]}
    assert len({line["function_request_id"] for line in written}) == 1


def test_lines_of_the_next_request_carry_the_next_id(call: Call, lines: Lines) -> None:
    ids = [call("health").headers["x-request-id"] for _ in range(3)]

    assert [line["correlation_id"] for line in lines()] == ids


@pytest.mark.parametrize(
    ("module", "event"),
    [
        ("process_orders", sqs("not json", {"order_id": "no order"}, {"order_id": unique()})),
        ("update_stocks", sqs("not json", {"order_id": "no order"}, {"order_id": unique()})),
        ("project_inventory", kinesis(b"not json", {"type": "weather", "at": "2026-11-20T12:00:00+00:00"})),
        ("relay_outbox", {}),
        ("sweep_orders", {}),
    ],
    ids=["process_orders", "update_stocks", "project_inventory", "relay_outbox", "sweep_orders"],
)
def test_every_line_of_an_invocation_carries_its_id(invoke: Any, lines: Lines, module: str, event: Any) -> None:
    """Of records that fail, too, and without the id of a request that the worker has answered before."""
    context = Context()

    invoke(module, event, context)

    written = lines()
    assert written
    assert {line["function_request_id"] for line in written} == {context.aws_request_id}
    assert not [line for line in written if "correlation_id" in line]


EMAIL, PASSWORD = "ann@example.com", "Correct-horse-7"


def duplicate(database: Database) -> None:
    database.execute("CREATE TEMPORARY TABLE IF NOT EXISTS people (email text CONSTRAINT one UNIQUE)")
    for _ in range(2):
        database.execute("INSERT INTO people VALUES (%s)", [EMAIL])


def broken_row(database: Database) -> None:
    database.execute("CREATE TEMPORARY TABLE IF NOT EXISTS secrets (word text, CONSTRAINT short CHECK (word < 'A'))")
    database.execute("INSERT INTO secrets VALUES (%s)", [PASSWORD])


def unreadable(database: Database) -> None:
    database.execute("SELECT %s::uuid", [PASSWORD])


def aborted(database: Database) -> None:
    """Fail in a way that the database answers for as a whole; its words come with what was sent."""
    with database.transaction() as connection:
        connection.execute(f"DO $$ BEGIN RAISE 'it was {PASSWORD}' USING ERRCODE = '57P01'; END $$")


@pytest.mark.parametrize(
    ("break_it", "status", "told"),
    [
        (duplicate, 500, "UniqueViolation: code 23505, table people, constraint one"),
        (broken_row, 500, "CheckViolation: code 23514, table secrets, constraint short"),
        (unreadable, 500, "InvalidTextRepresentation: code 22P02"),
        (aborted, 503, "AdminShutdown: code 57P01"),
    ],
)
def test_errors_of_the_database_are_told_without_values(
    another: Callable[[], Database], lines: Lines, break_it: Callable[[Database], None], status: int, told: str
) -> None:
    database = another()

    @endpoint
    def handler(_: Request) -> Response:
        break_it(database)
        return Response(HTTPStatus.NO_CONTENT)

    answer = handler(http("health"), Context())  # type: ignore[arg-type] # a context for tests

    written = json.dumps(lines())
    assert answer["statusCode"] == status
    assert told in written
    for secret in (EMAIL, PASSWORD):
        assert secret not in written + json.dumps(answer)


def test_these_errors_would_have_told(another: Callable[[], Database]) -> None:
    """As Python itself writes them; else the test above would prove nothing."""
    for break_it, secret in ((duplicate, EMAIL), (broken_row, PASSWORD), (unreadable, PASSWORD)):
        with pytest.raises(psycopg.Error, match=secret):
            break_it(another())
    with pytest.raises(Unavailable) as unavailable:
        aborted(another())
    assert PASSWORD in str(unavailable.value.__cause__)


@pytest.mark.parametrize(
    "module", ["register_user", "confirm_user", "login_user", "resend_code", "forgot_password", "reset_password"]
)
@pytest.mark.parametrize(
    "broken", [{"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": NOWHERE}, {"USER_POOL_CLIENT_ID": ""}]
)
def test_what_a_person_sends_is_not_logged_when_the_sign_in_service_fails(
    call: Call, lines: Lines, rewire: Callable[..., None], module: str, broken: dict[str, str]
) -> None:
    """Out of reach, or refusing our very parameters."""
    rewire(**broken)
    sent = {"username": "ann-of-the-log", "email": EMAIL, "name": "Ann Lee", "password": PASSWORD, "code": "918273"}
    wanted = {
        "register_user": ["username", "email", "name", "password"],
        "confirm_user": ["username", "code"],
        "login_user": ["username", "password"],
        "reset_password": ["username", "code", "password"],
    }.get(module, ["username"])

    answer = call(module, {name: sent[name] for name in wanted})

    written = json.dumps(lines())
    assert answer.status >= 400
    for secret in (EMAIL, PASSWORD, "918273"):
        assert secret not in written

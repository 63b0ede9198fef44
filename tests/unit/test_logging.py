"""What the log tells: the ids of the request on every line, and of errors what nobody has sent."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from io import StringIO
from pathlib import Path

import boto3
import psycopg
import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError
from pydantic import ValidationError

from handlers.log_format import Formatter
from handlers.telemetry import LIBRARIES, count, logger
from handlers.user_body import PersonBody
from tests.events import http

SRC = Path(__file__).parents[2] / "src"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
"""Lambda reads the level of a JSON line only if its time is written so."""
PROGRAM = f"""
import json, logging, sys, warnings
from handlers.http.endpoint import endpoint
from handlers.telemetry import count, logger

class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = "1"
    aws_request_id = "invocation-1"

@endpoint
def handler(request):
    for name in {(*LIBRARIES, "adapters.publisher", "aws_lambda_powertools.utilities.idempotency", "urllib3.pool")}:
        logging.getLogger(name).warning("said by %s", name)
    warnings.warn("careful")
    count("Things", 2, reason="some")
    logger.info("said by ourselves")
    raise LookupError("missing")

handler(json.load(sys.stdin), Context())
"""


def test_every_line_of_a_request_carries_its_ids_whoever_writes_it() -> None:
    """In a process of its own, as a function has it: Python's warnings would end a test here."""
    event = http("get_item")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "PYTHONPATH": str(SRC),
            "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
            "POWERTOOLS_SERVICE_NAME": "tradepost",
        },
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=True,
    )

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert len(lines) == len(LIBRARIES) + 3 + 5
    assert {line["correlation_id"] for line in lines} == {event["requestContext"]["requestId"]}
    assert {line["function_request_id"] for line in lines} == {"invocation-1"}
    assert all(RFC3339.fullmatch(line["timestamp"]) for line in lines if "_aws" not in line)
    assert any("careful" in line.get("message", "") for line in lines)


@pytest.mark.parametrize(
    ("message", "values", "more"),
    [
        ("answered", (), {"route": "GET /items", "status": 200, "none": None}),
        ("%s of %s", ("one", "two"), {}),
        ({"a": {"b": 1}}, (), {}),
        ("Tür", (), {"what": {1: Path("x")}}),
    ],
)
def test_lines_are_as_powertools_writes_them(
    monkeypatch: pytest.MonkeyPatch, message: object, values: tuple[str, ...], more: dict[str, object]
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8")
    theirs = LambdaPowertoolsFormatter(serialize_stacktrace=False, use_rfc3339=True, utc=True)
    ours = Formatter()
    for one in (theirs, ours):
        one.append_keys(service="tradepost", correlation_id="request-1", cold_start=None)
    error = LookupError("missing")
    for info in (None, (LookupError, error, None)):
        record = logging.makeLogRecord(
            {
                "levelname": "INFO",
                "lineno": 7,
                "funcName": "f",
                "msg": message,
                "args": values,
                "exc_info": info,
                **more,
            }
        )
        told = {"exception": ours.formatException(info)} if info else {}

        assert json.loads(ours.format(record)) == json.loads(theirs.format(record)) | told


SECRET = "Correct-horse-7"


def aws_refuses() -> None:
    error = {"Code": "InvalidThing", "Message": f"Value '{SECRET}' at 'password' failed to satisfy constraint"}
    raise ClientError({"Error": error, "ResponseMetadata": {"RequestId": "aws-1"}}, "SignUp")  # type: ignore[typeddict-item] # the rest of AWS's answer


def parameters_are_refused() -> None:
    client = boto3.client("cognito-idp", region_name="eu-west-1")
    client.sign_up(ClientId="1", Username="ann", Password=[SECRET])  # type: ignore[arg-type] # on purpose


def a_body_is_refused() -> None:
    PersonBody.model_validate({"name": {"secret": SECRET}, SECRET: SECRET})


def a_value_is_refused() -> None:
    raise psycopg.errors.InvalidTextRepresentation(f'invalid input syntax for type uuid: "{SECRET}"')


def another_error_comes_of_it() -> None:
    try:
        aws_refuses()
    except ClientError as error:
        raise RuntimeError("half-way") from error


def another_error_comes_meanwhile() -> None:
    try:
        a_body_is_refused()
    except ValidationError:
        aws_refuses()


BREAKAGES: list[tuple[Callable[[], None], str]] = [
    (aws_refuses, "ClientError: operation SignUp, code InvalidThing, request aws-1"),
    (parameters_are_refused, "ParamValidationError: error Parameter validation failed"),
    (a_body_is_refused, "ValidationError: model PersonBody, kinds ['extra_forbidden', 'missing', 'string_type']"),
    (a_value_is_refused, "InvalidTextRepresentation: code 22P02"),
    (another_error_comes_of_it, "RuntimeError: half-way"),
    (another_error_comes_meanwhile, "ClientError: operation SignUp"),
]


def told(break_it: Callable[[], None]) -> str:
    """Return what a log line would tell of an exception."""
    try:
        break_it()
    except Exception:  # noqa: BLE001 - whatever it is
        return Formatter().formatException(sys.exc_info())
    raise AssertionError("nothing was broken")


@pytest.mark.parametrize(("break_it", "words"), BREAKAGES, ids=[one.__name__ for one, _ in BREAKAGES])
def test_an_error_is_told_without_what_it_quotes(break_it: Callable[[], None], words: str) -> None:
    text = told(break_it)

    assert words in text
    assert break_it.__name__ in text
    assert SECRET not in text.replace("SECRET", "")


def test_causes_are_told_before_what_came_of_them() -> None:
    text = told(another_error_comes_of_it)

    assert text.index("ClientError: operation SignUp") < text.index("RuntimeError: half-way")


def test_a_cause_that_was_cut_off_is_not_told() -> None:
    def hides() -> None:
        try:
            aws_refuses()
        except ClientError:
            raise RuntimeError("all that there is") from None

    assert "SignUp" not in told(hides)


def test_errors_that_cause_each_other_are_told_once() -> None:
    def circle() -> None:
        one, other = RuntimeError("one"), RuntimeError("other")
        one.__cause__, other.__cause__ = other, one
        raise one

    assert told(circle).count("RuntimeError: ") == 2


@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectTimeoutError])
def test_an_operator_reads_which_service_was_out_of_reach(kind: type[BotoCoreError]) -> None:
    def breaks() -> None:
        raise kind(endpoint_url="https://sqs.example", error="")

    assert "https://sqs.example" in told(breaks)


def test_an_operator_reads_why_the_database_was_out_of_reach() -> None:
    def breaks() -> None:
        psycopg.connect(host="127.0.0.1", port=9, user="shop", password=SECRET)

    assert "port 9 failed: Connection refused" in told(breaks)
    assert SECRET not in told(breaks)


def test_each_thread_has_keys_of_its_own() -> None:
    formatter = Formatter()
    formatter.append_keys(request="mine")

    with ThreadPoolExecutor(1) as thread:
        thread.submit(formatter.append_keys, request="another's").result()
        theirs = thread.submit(lambda: formatter.log_format["request"]).result()

    assert (formatter.log_format["request"], theirs) == ("mine", "another's")


def test_no_threads_line_begins_within_that_of_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    another: list[Future[None]] = []

    class Interrupted(StringIO):
        """Where another thread wants to write as soon as something is written."""

        def write(self, text: str) -> int:
            written = super().write(text)
            if not another:
                another.append(thread.submit(logger.warning, "another's"))
                wait(another, timeout=0.2)
            return written

    out = Interrupted()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(logger.registered_handler, "stream", out)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tradepost")

    with ThreadPoolExecutor(1) as thread:
        count("Things")

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("Things") or line["message"] for line in lines] == [[1.0], "another's"]

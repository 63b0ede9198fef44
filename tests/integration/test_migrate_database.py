"""The custom resource that migrates on deploy, and what it tells CloudFormation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.events import Context
from tests.shop import Shop


class CloudFormation:
    """Takes the answers that custom resources PUT to it."""

    def __init__(self) -> None:
        self.answers: list[tuple[str | None, Any]] = []
        answers = self.answers

        class Take(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                answers.append((self.headers["content-type"], json.loads(body)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Take)

    def event(self, request_type: str, **other: Any) -> dict[str, Any]:
        return {
            "RequestType": request_type,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer?signature=secret",
            "StackId": "stack-1",
            "RequestId": "request-1",
            "LogicalResourceId": "DatabaseSchema",
            "ResourceType": "Custom::DatabaseSchema",
            "ResourceProperties": {"Migrations": "1"},
            **other,
        }


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    taker = CloudFormation()
    with taker.server:
        thread = threading.Thread(target=taker.server.serve_forever, args=(0.01,))
        thread.start()
        yield taker
        taker.server.shutdown()
        thread.join()


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_deployment_migrates_and_says_so(invoke: Any, cloudformation: CloudFormation, request_type: str) -> None:
    invoke("migrate_database", cloudformation.event(request_type), Context(function_name="migrate"))

    ((content_type, answer),) = cloudformation.answers
    assert answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "schema-migrate",
        "StackId": "stack-1",
        "RequestId": "request-1",
        "LogicalResourceId": "DatabaseSchema",
        "Data": {"Ran": 0},
    }
    assert content_type == ""  # a presigned URL of S3 signs an empty one


def test_the_resource_keeps_its_id(invoke: Any, cloudformation: CloudFormation) -> None:
    """Another id would make CloudFormation delete the "old" resource after an update."""
    invoke("migrate_database", cloudformation.event("Update", PhysicalResourceId="schema-1"))

    ((_, answer),) = cloudformation.answers
    assert answer["PhysicalResourceId"] == "schema-1"


def test_deleting_keeps_all_data(invoke: Any, cloudformation: CloudFormation, shop: Shop) -> None:
    invoke("migrate_database", cloudformation.event("Delete", PhysicalResourceId="schema-1"))

    ((_, answer),) = cloudformation.answers
    assert answer["Status"] == "SUCCESS"
    assert shop.stock("TEA") == (10, 0, 0)


def test_deleting_needs_no_database(invoke: Any, cloudformation: CloudFormation, rewire: Any) -> None:
    """A stack whose database never came up must still be able to go."""
    rewire(DATABASE_SECRET_ARN="gone")

    invoke("migrate_database", cloudformation.event("Delete", PhysicalResourceId="schema-1"))

    assert cloudformation.answers[0][1]["Status"] == "SUCCESS"


def test_a_failure_is_told_with_its_reason(invoke: Any, cloudformation: CloudFormation, rewire: Any, log: Any) -> None:
    """Or the deployment would hang until its timeout."""
    rewire(DATABASE_SECRET_ARN="arn:aws:secretsmanager:eu-west-1:000000000000:secret:gone")

    invoke("migrate_database", cloudformation.event("Create"), Context(log_stream_name="stream-1"))

    ((_, answer),) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == "schema-function"
    assert "stream-1" in answer["Reason"]
    assert len(answer["Reason"]) <= 1000
    assert "signature=secret" not in json.dumps(log())

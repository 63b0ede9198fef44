"""The custom resource that migrates on deploy, and what it tells CloudFormation."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from adapters.postgres.database import Server
from tests.cloud import Cloud
from tests.events import Context
from tests.servers import login
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
    rewire(PRODUCT_SECRET_ARN="gone", PRODUCT_MASTER_SECRET_ARN="gone")

    invoke("migrate_database", cloudformation.event("Delete", PhysicalResourceId="schema-1"))

    assert cloudformation.answers[0][1]["Status"] == "SUCCESS"


def test_a_failure_is_told_with_its_reason(invoke: Any, cloudformation: CloudFormation, rewire: Any, log: Any) -> None:
    """Or the deployment would hang until its timeout."""
    rewire(PRODUCT_SECRET_ARN="arn:aws:secretsmanager:eu-west-1:000000000000:secret:gone")

    invoke("migrate_database", cloudformation.event("Create"), Context(log_stream_name="stream-1"))

    ((_, answer),) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"] == "schema-function"
    assert "stream-1" in answer["Reason"]
    assert len(answer["Reason"]) <= 1000
    assert "signature=secret" not in json.dumps(log())


def test_a_database_that_has_paused_is_given_time_to_wake(
    invoke: Any, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aurora in dev pauses most of the time: a deployment would fail at each new migration."""
    given, connect = list[tuple[str, int]](), psycopg.connect

    def noted(**how: Any) -> Any:
        given.append((how["user"], how["connect_timeout"]))
        return connect(**how)

    monkeypatch.setattr("psycopg.connect", noted)
    invoke("migrate_database", cloudformation.event("Update"))

    assert cloudformation.answers[0][1]["Status"] == "SUCCESS"
    as_master = {seconds for user, seconds in given if not user.endswith("_service")}
    assert min(as_master) > 30


@pytest.fixture
def role(postgres_server: Server, ministack: Cloud, rewire: Any) -> Iterator[Server]:
    """Return how a role signs in to `product` that does not exist yet; its secret is the service's."""
    role = replace(postgres_server, username=f"role_{secrets.token_hex(4)}", password=secrets.token_urlsafe())
    rewire(PRODUCT_SECRET_ARN=ministack.secret(vars(role)))
    yield role
    with as_master(postgres_server) as master:
        master.execute(f"DROP OWNED BY {role.username}; DROP ROLE {role.username}")


def as_master(server: Server) -> Any:
    return psycopg.connect(dbname="product", autocommit=True, **login(server))


def test_a_service_can_sign_in_with_its_secret(invoke: Any, cloudformation: CloudFormation, role: Server) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dbname="product", **login(role))

    for request_type in ("Create", "Update"):
        invoke("migrate_database", cloudformation.event(request_type))
        psycopg.connect(dbname="product", **login(role)).close()

    assert [answer["Status"] for _, answer in cloudformation.answers] == ["SUCCESS"] * 2


def test_a_role_that_has_another_password_gets_that_of_its_secret(
    invoke: Any, cloudformation: CloudFormation, role: Server, postgres_server: Server
) -> None:
    """As on a server that was restored, or that another stack has used before."""
    with as_master(postgres_server) as master:
        master.execute(f"CREATE ROLE {role.username} LOGIN PASSWORD 'another'")

    invoke("migrate_database", cloudformation.event("Create"))

    psycopg.connect(dbname="product", **login(role)).close()


def test_a_password_under_rotation_is_left_alone(
    invoke: Any, cloudformation: CloudFormation, role: Server, ministack: Cloud, environment: Any, rewire: Any
) -> None:
    """The role has the new one already, and the secret calls it pending."""
    invoke("migrate_database", cloudformation.event("Create"))
    old = replace(role, password="of-before")
    arn = ministack.secret(vars(old))
    ministack.client("secretsmanager").put_secret_value(
        SecretId=arn, SecretString=json.dumps(vars(role)), VersionStages=["AWSPENDING"]
    )
    rewire(PRODUCT_SECRET_ARN=arn)

    invoke("migrate_database", cloudformation.event("Update"))

    assert cloudformation.answers[-1][1]["Status"] == "SUCCESS"
    psycopg.connect(dbname="product", **login(role)).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dbname="product", **login(old))


def test_a_master_under_rotation_migrates_with_the_pending_password(
    invoke: Any, cloudformation: CloudFormation, postgres_server: Server, ministack: Cloud, rewire: Any
) -> None:
    """Its secret may name no server, as one that RDS manages."""
    new = {"username": postgres_server.username, "password": postgres_server.password}
    arn = ministack.secret({**new, "password": "of-before"})
    ministack.client("secretsmanager").put_secret_value(
        SecretId=arn, SecretString=json.dumps(new), VersionStages=["AWSPENDING"]
    )
    rewire(INVENTORY_MASTER_SECRET_ARN=arn)

    invoke("migrate_database", cloudformation.event("Update"))

    assert cloudformation.answers[0][1]["Status"] == "SUCCESS"

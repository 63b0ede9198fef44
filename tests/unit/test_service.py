"""The handlers behind an HTTP server: which requests become which events, and what is answered without a handler."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.tokens.keys import KeysUnavailable
from domain.errors import Unavailable
from handlers import service
from handlers.http.routes import PUBLIC, ROUTES, SERVICES, answers
from handlers.service import Service
from handlers.telemetry import logger
from handlers.wiring import database
from tests.template import template


class Answer:
    """What a server is told by an application."""

    def __init__(self, app: Service, method: str, path: str, **more: Any) -> None:
        body = more.pop("body", b"")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "shop",
            "HTTP_X_REAL_IP": "203.0.113.7",
            "wsgi.input": io.BytesIO(body),
            **more,
        }
        self.body = b"".join(app(environ, self._start)).decode()

    def _start(self, status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        self.status, self.headers = status, dict(headers)


VERDICTS: list[Any] = []
"""What the authorizer says next."""


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let every handler answer with nothing, and note the events."""
    seen: list[dict[str, Any]] = []

    def authorize(event: dict[str, Any], _: Any) -> dict[str, Any]:
        assert event["headers"]["authorization"] == "Bearer x"
        if isinstance(verdict := VERDICTS.pop(), Exception):
            raise verdict
        return dict(verdict)

    def load(name: str) -> Any:
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            assert 0 < context.get_remaining_time_in_millis() <= 30_000
            seen.append({**event, "module": name.removeprefix("handlers.")})
            return {"statusCode": 204, "headers": {}}

        return SimpleNamespace(handler=authorize if name == "handlers.authorizer" else handler)

    monkeypatch.setattr(service.importlib, "import_module", load)  # type: ignore[attr-defined]
    return seen


def test_every_route_is_answered_by_one_service_and_those_of_none_by_all() -> None:
    for _, path, _ in ROUTES:
        found = [name for name in SERVICES if answers(name, path)]
        assert len(found) == 1 or path in {"/health", "/openapi.json", "/docs"}
    assert all(answers(name, path) for name in SERVICES for path in ("/", "/none", "$default"))


def test_the_authorizer_stands_in_front_of_the_same_routes_as_in_the_template() -> None:
    public = {
        one["Properties"]["Handler"].split(".")[1]
        for one in template()["Resources"].values()
        if one["Type"] == "AWS::Serverless::Function"
        for event in one["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi" and event["Properties"].get("Auth") == {"Authorizer": "NONE"}
    }

    assert public == PUBLIC


def test_a_service_must_be_one_that_there_is() -> None:
    with pytest.raises(RuntimeError, match="SERVICE must be one of product, user, inventory, and is orders"):
        Service("orders")


def test_a_request_becomes_an_event_of_an_http_api(events: list[dict[str, Any]]) -> None:
    answer = Answer(
        Service("product"),
        "GET",
        "/products/Käse b".encode().decode("latin-1"),
        QUERY_STRING="a=1&a=2&b=%20",
        CONTENT_TYPE="application/json",
        HTTP_USER_AGENT="curl",
        body='{"ä":1}'.encode(),
    )

    assert (answer.status, answer.body, answer.headers) == ("204 No Content", "", {})
    (event,) = events
    assert (event["module"], event["routeKey"], event["rawPath"]) == (
        "get_product",
        "GET /products/{sku}",
        "/products/Käse b",
    )
    assert event["pathParameters"] == {"sku": "Käse b"}
    assert event["queryStringParameters"] == {"a": "1,2", "b": " "}
    assert (event["body"], event["isBase64Encoded"]) == ('{"ä":1}', False)
    assert event["headers"]["content-type"] == "application/json"
    assert event["requestContext"]["http"]["sourceIp"] == "203.0.113.7"
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize(
    ("once", "path"),
    [
        ("/products/a%2fb", "$default"),  # the server has decoded %252f
        ("/products/a%20b", "GET /products/{sku}"),
        ("/products/a?b/c", "GET /products/{sku}"),  # %3f: what follows is lost
        ("/products/", "$default"),
        ("/nowhere", "$default"),
    ],
)
def test_paths_are_routed_as_an_http_api_routes_them(events: list[dict[str, Any]], once: str, path: str) -> None:
    Answer(Service("product"), "GET", once)

    assert [event["routeKey"] for event in events] == [path]


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/products/%zz", {}, "400 Bad Request"),
        ("GET", "/orders", {}, "404 Not Found"),
        ("GET", "/products", {"HTTP_X": "x" * 10_240}, "431 Request Header Fields Too Large"),
        ("POST", "/products", {}, "401 Unauthorized"),
        ("POST", "/products", {"HTTP_AUTHORIZATION": ""}, "401 Unauthorized"),
    ],
)
def test_what_an_http_api_would_refuse_reaches_no_handler(
    events: list[dict[str, Any]], method: str, path: str, more: dict[str, str], status: str
) -> None:
    answer = Answer(Service("product"), method, path, **more)

    assert answer.status == status
    assert json.loads(answer.body) == {"message": status[4:]}
    assert events == []


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ({"isAuthorized": True, "context": {"sub": "1"}}, "204 No Content"),
        ({"isAuthorized": False}, "403 Forbidden"),
        (KeysUnavailable("no keys"), "500 Internal Server Error"),
    ],
)
def test_the_authorizer_says_who_comes_in(events: list[dict[str, Any]], verdict: Any, status: str) -> None:
    VERDICTS[:] = [verdict]

    assert Answer(Service("product"), "POST", "/products", HTTP_AUTHORIZATION="Bearer x").status == status
    assert [one["requestContext"]["authorizer"] for one in events] == [{"lambda": {"sub": "1"}}] * (status[0] == "2")


def test_a_body_that_is_no_text_is_in_base64(events: list[dict[str, Any]]) -> None:
    for kind, body in (("application/json", b"\xff"), ("image/png", b"{}")):
        Answer(Service("product"), "GET", "/products", CONTENT_TYPE=kind, body=body)

    assert [(one["body"], one["isBase64Encoded"]) for one in events] == [("/w==", True), ("e30=", True)]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the databases that do not answer, of the two that a service has; who is asked leaves ASKED."""
    ASKED.clear()
    names = {"inventory", "product"}
    for name in names:
        monkeypatch.setenv(f"{name.upper()}_SECRET_ARN", "arn")

    def found(name: str) -> Any:
        def query(_: str) -> None:
            ASKED.append(name)
            if name in names:
                raise Unavailable("away")

        return SimpleNamespace(query=query)

    monkeypatch.setattr(database, "database", found)
    return names


ASKED: list[str] = []


def test_who_lives_is_ready_when_each_of_its_databases_has_answered(
    events: list[dict[str, Any]], away: set[str]
) -> None:
    app = Service("inventory")
    found = []
    for answers_now in ("", "inventory", "product"):
        away.discard(answers_now)
        found.append([Answer(app, "GET", path).status[:3] for path in ("/-/alive", "/-/ready")])

    assert found == [["200", "503"], ["200", "503"], ["200", "200"]]
    assert events == []


def test_that_nobody_is_ready_is_told_without_the_request_that_came_before(
    events: list[dict[str, Any]], away: set[str]
) -> None:
    logger.append_keys(correlation_id="another's")
    Answer(Service("inventory"), "GET", "/-/ready")

    assert "correlation_id" not in logger.get_current_keys()


def test_who_was_ready_stays_so_and_asks_no_database_again(events: list[dict[str, Any]], away: set[str]) -> None:
    app = Service("inventory")
    away.clear()
    Answer(app, "GET", "/-/ready")
    away |= {"inventory", "product"}

    assert Answer(app, "GET", "/-/ready").status == "200 OK"
    assert sorted(ASKED) == ["inventory", "product"]

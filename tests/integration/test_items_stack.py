"""Design C's handlers answer a REST API's events (payload 1.0) on every route of stacks/items.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.cloud import unique
from tests.events import caller
from tests.integration.conftest import Answer
from tests.openapi import check_answer

ITEMS: dict[str, Any] = yaml_parse((Path(__file__).parents[2] / "stacks/items.yaml").read_text("utf-8"))
ROUTES = {
    (event["Properties"]["Method"], event["Properties"]["Path"]): one["Properties"]["Handler"].split(".")[1]
    for one in ITEMS["Resources"].values()
    for event in one["Properties"].get("Events", {}).values()
    if event["Type"] == "Api"
}
SHOP = "https://shop.example"
Ask = Callable[..., Answer]


def resource_of(method: str, path: str) -> tuple[str, str, dict[str, str]]:
    """Return the method and path of the resource that a REST API chooses, and the path's parameters.

    The most specific resource first, then its method: a path that has no such method is no longer looked for.
    """
    parts = path.strip("/").split("/")
    resource, parameters = "/{proxy+}", {"proxy": path.strip("/")}
    if ("ANY", path) in ROUTES:
        resource, parameters = path, {}
    elif parts[0] == "item" and len(parts) == 2 and not path.endswith("/"):
        resource, parameters = "/item/{id}", {"id": parts[1]}
    return (method if (method, resource) in ROUTES else "ANY"), resource, parameters


@pytest.fixture
def ask(invoke: Any) -> Ask:
    """Return a function that asks as the stage v1 of a REST API does."""

    def send(
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        route, resource, parameters = resource_of(method, path)
        sent = {"Host": "api.example.com", "Content-Type": "application/json", **(headers or {})}
        event = {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": dict(query) if query else None,
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "requestId": unique("request"),
                "resourcePath": resource,
                "httpMethod": method,
                "path": f"/v1{path}",
                "stage": "v1",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "tests"},
                "authorizer": {**caller(by), "principalId": by} if by else None,
            },
            "body": json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
        }
        answer = invoke(ROUTES[route, resource], event)
        found = {name: ",".join(values) for name, values in answer["multiValueHeaders"].items()}
        if route != "ANY":
            check_answer(method, resource, answer["statusCode"], found, answer["body"])
        return Answer(answer["statusCode"], found, answer["body"])

    return send


def test_an_item_lives_its_life(ask: Ask) -> None:
    ann = unique("ann")
    made = ask("POST", "/item", {"name": "Kettle"}, by=ann)
    path = made.headers["location"].removeprefix("/v1")

    assert made.status == 201
    assert path == f"/item/{made.body['id']}", "and the stage stands before it"
    assert ask("GET", path, by=ann).body == made.body
    assert [one["id"] for one in ask("GET", "/item", by=ann, query={"limit": "5"}).body["items"]] == [made.body["id"]]
    assert ask("PUT", path, {"name": "Blue kettle"}, by=ann, headers={"If-Match": '"1"'}).headers["etag"] == '"2"'
    assert ask("PUT", path, {"name": "Red kettle"}, by=ann, headers={"If-Match": '"1"'}).status == 412
    assert ask("GET", path, by=unique("bob")).status == 404
    assert ask("DELETE", path, by=ann).status == 204
    assert ask("GET", path, by=ann).status == 404


def test_somebody_registers_confirms_and_signs_in(ask: Ask) -> None:
    name = unique("ann")
    person = {"username": name, "email": f"{name}@example.com", "name": "Ann Lee", "password": "Correct-horse-7"}

    assert ask("POST", "/user/register", person).status == 201
    assert ask("POST", "/user/confirm", {"username": name, "code": "123456"}).status == 204
    assert "access_token" in ask("POST", "/user/login", {"username": name, "password": "Correct-horse-7"}).body
    assert ask("POST", "/user/login", {"username": name, "password": "Wrong-horse-77"}).problem() == (
        401,
        "unauthenticated",
    )


def test_health_answers(ask: Ask) -> None:
    assert ask("GET", "/health").body == {"status": "ok"}


def test_nobody_is_let_in_whom_no_authorizer_names(ask: Ask) -> None:
    assert ask("GET", "/item").problem() == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "location"),
    [("/item/", "/v1/item"), ("/item/7/", "/v1/item/7"), ("/health/", "/v1/health"), ("/item//", "/v1/item")],
)
def test_a_slash_too_many_is_sent_to_the_path_without_it(ask: Ask, path: str, location: str) -> None:
    """A REST API takes it for another path."""
    answer = ask("GET", path, query={"limit": "5", "cursor": "a=b"})

    assert (answer.status, answer.headers["location"]) == (308, f"{location}?limit=5&cursor=a%3Db")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/item", 405),
        ("POST", "/item/7", 405),
        ("GET", "/user/login", 405),
        ("GET", "/nothing", 404),
        ("GET", "/", 404),
    ],
)
def test_what_there_is_not_is_said_as_everywhere(ask: Ask, method: str, path: str, status: int) -> None:
    assert ask(method, path).problem()[0] == status


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"{SHOP},https://www.shop.example")


@pytest.mark.usefixtures("sites")
def test_a_page_may_ask_what_it_may_send(ask: Ask) -> None:
    answer = ask("OPTIONS", "/item/7", headers={"Origin": SHOP, "Access-Control-Request-Method": "PUT"})

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "PUT" in answer.headers["access-control-allow-methods"].split(",")
    assert {"authorization", "if-match"} <= set(answer.headers["access-control-allow-headers"].split(","))
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.usefixtures("sites")
def test_a_page_may_read_answers_and_refusals(ask: Ask) -> None:
    for answer in (ask("GET", "/health", headers={"Origin": SHOP}), ask("GET", "/item", headers={"Origin": SHOP})):
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["vary"] == "origin"
        assert "etag" in answer.headers["access-control-expose-headers"].split(",")
        assert "access-control-allow-methods" not in answer.headers


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Origin": ""}])
def test_other_pages_may_read_nothing(ask: Ask, headers: dict[str, str]) -> None:
    answer = ask("GET", "/health", headers=headers)

    assert answer.headers["vary"] == "origin", "caches keep the two apart"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_without_sites_nothing_is_said_of_pages(ask: Ask) -> None:
    assert not {"vary", "access-control-allow-origin"} & ask("GET", "/health", headers={"Origin": SHOP}).headers.keys()

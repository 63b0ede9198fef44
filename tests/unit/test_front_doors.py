"""One handler behind every front door: what it is asked and what it answers are the same."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Any

import pytest

from domain.errors import Unauthenticated
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request, front_door
from handlers.http.response import Response

CLAIMS = {"sub": "subject-1", "username": "ann", "groups": "admin staff", "exp": "4102444800"}
BODY = '{"word": "grün"}'


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"


class Word(Body):
    word: str


@endpoint
def echo(request: Request) -> Response:
    """Answer with everything that handlers ask of a request."""
    try:
        groups = sorted(request.caller().groups)
    except Unauthenticated:
        groups = []
    said = {
        "method": request.method,
        "address": request.address,
        "path": request.url_path,
        "id": request.path("id"),
        "limit": request.query("limit"),
        "cursor": request.query("cursor"),
        "none": request.query("none"),
        "key": request.header("idempotency-key"),
        "word": read(request, Word).word,
        "groups": groups,
    }
    return Response(HTTPStatus.CREATED, said, {"location": "/orders/7"})


ADDRESS = "203.0.113.7"
FORGED = "198.51.100.1"
HEADERS = {
    "Content-Type": "application/json",
    "Idempotency-Key": "one",
    "X-Amzn-Trace-Id": "Root=1-2-3",
    "X-Forwarded-For": f"{FORGED}, {ADDRESS}",
}


def http_api(**other: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "POST /orders/{id}/cancel",
        "rawPath": "/orders/a b/cancel",
        "rawQueryString": "limit=1&limit=2&cursor=x%3D",
        "headers": {name.lower(): value for name, value in HEADERS.items()},
        "queryStringParameters": {"limit": "1,2", "cursor": "x="},
        "pathParameters": {"id": "a b"},
        "requestContext": {
            "requestId": "r1",
            "stage": "$default",
            "http": {"method": "POST", "path": "/orders/a b/cancel", "sourceIp": ADDRESS},
            "authorizer": {"lambda": CLAIMS},
        },
        "body": BODY,
        "isBase64Encoded": False,
        **other,
    }


def function_url(**other: Any) -> dict[str, Any]:
    event = http_api(routeKey="$default", **other)
    del event["pathParameters"]
    return event


def rest_api(**other: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "resource": "/orders/{id}/cancel",
        "path": "/orders/a%20b/cancel",
        "httpMethod": "POST",
        "headers": HEADERS,
        "multiValueHeaders": {name: [value] for name, value in HEADERS.items()},
        "queryStringParameters": {"limit": "2", "cursor": "x="},
        "multiValueQueryStringParameters": {"limit": ["1", "2"], "cursor": ["x="]},
        "pathParameters": {"id": "a%20b"},
        "requestContext": {
            "requestId": "r1",
            "stage": "prod",
            "identity": {"sourceIp": ADDRESS},
            "authorizer": {**CLAIMS, "principalId": "subject-1"},
        },
        "body": BODY,
        "isBase64Encoded": False,
        **other,
    }


def alb(**other: Any) -> dict[str, Any]:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/1"}},
        "httpMethod": "POST",
        "path": "/orders/a%20b/cancel",
        "queryStringParameters": {"limit": "1%2C2", "cursor": "x%3D"},
        "headers": {name.lower(): value for name, value in HEADERS.items()},
        "body": BODY,
        "isBase64Encoded": False,
        **other,
    }


def alb_multi(**other: Any) -> dict[str, Any]:
    event = alb(
        multiValueHeaders={name.lower(): [value] for name, value in HEADERS.items()},
        multiValueQueryStringParameters={"limit": ["1", "2"], "cursor": ["x%3D"]},
        **other,
    )
    del event["headers"], event["queryStringParameters"]
    return event


DOORS = [http_api, function_url, rest_api, alb, alb_multi]


@pytest.mark.parametrize("door", DOORS)
def test_every_front_door_asks_the_same(door: Any) -> None:
    said = json.loads(echo(door(), Context())["body"])

    authorized = door in (http_api, function_url, rest_api)
    assert said == {
        "method": "POST",
        "address": ADDRESS,
        "path": "/orders/a b/cancel",
        "id": "a b",
        "limit": "1,2",
        "cursor": "x=",
        "none": None,
        "key": "one",
        "word": "grün",
        "groups": ["admin", "staff"] if authorized else [],
    }


@pytest.mark.parametrize("door", DOORS)
def test_bodies_may_come_in_base64(door: Any) -> None:
    event = door(body=base64.b64encode(BODY.encode()).decode(), isBase64Encoded=True)

    assert json.loads(echo(event, Context())["body"])["word"] == "grün"


@pytest.mark.parametrize("door", [http_api, function_url, alb])
def test_answers_carry_single_headers(door: Any) -> None:
    answer = echo(door(), Context())

    assert answer["statusCode"] == 201
    assert answer["headers"]["location"] == "/orders/7"
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["x-request-id"] in ("r1", "Root=1-2-3")


@pytest.mark.parametrize("door", [rest_api, alb_multi])
def test_answers_carry_multi_value_headers_where_they_must(door: Any) -> None:
    """An ALB drops single headers when its target group has multi-value headers on."""
    answer = echo(door(), Context())

    assert answer["multiValueHeaders"]["location"] == ["/orders/7"]


@pytest.mark.parametrize("door", [alb, alb_multi])
def test_load_balancers_get_a_status_line(door: Any) -> None:
    assert echo(door(), Context())["statusDescription"] == "201 Created"


def test_repeated_headers_are_joined() -> None:
    event = rest_api(multiValueHeaders={"content-type": ["application/json"], "IDEMPOTENCY-KEY": ["one", "two"]})

    assert json.loads(echo(event, Context())["body"])["key"] == "one,two"


@pytest.mark.parametrize("door", DOORS)
def test_an_end_that_has_passed_is_seen_at_every_door(door: Any) -> None:
    event = door()
    event["requestContext"]["authorizer"] = (
        {"lambda": {**CLAIMS, "exp": "1"}} if event.get("version") == "2.0" else {**CLAIMS, "exp": "1"}
    )

    assert json.loads(echo(event, Context())["body"])["groups"] == []


def test_a_load_balancer_vouches_for_nobody() -> None:
    """What a client writes into headers is no authorizer's word."""
    event = alb()
    event["headers"] |= {"sub": "subject-1", "x-amzn-oidc-identity": "subject-1"}

    assert json.loads(echo(event, Context())["body"])["groups"] == []


NAMING = ("x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip")


def address(event: dict[str, Any]) -> str:
    return Request(front_door(event), Context()).address  # type: ignore[arg-type]


@pytest.mark.parametrize("door", [http_api, function_url, rest_api])
@pytest.mark.parametrize("header", NAMING)
def test_no_header_says_where_a_client_is(door: Any, header: str) -> None:
    event = door(headers={header: FORGED}, multiValueHeaders={header: [FORGED]})

    assert address(event) == ADDRESS


@pytest.mark.parametrize("header", NAMING[1:])
def test_a_load_balancer_says_where_a_client_is_in_one_header_alone(header: str) -> None:
    assert address(alb(headers={header: FORGED, "x-forwarded-for": ADDRESS})) == ADDRESS


@pytest.mark.parametrize(
    "values",
    [[ADDRESS], [f"{FORGED},{ADDRESS}"], [f"{FORGED}, 10.0.0.1 , {ADDRESS} "], [FORGED, ADDRESS], [f",,{ADDRESS}"]],
)
def test_what_the_load_balancer_appended_is_the_address(values: list[str]) -> None:
    event = alb_multi()
    event["multiValueHeaders"]["x-forwarded-for"] = values

    assert address(event) == address(alb(headers={"x-forwarded-for": ",".join(values)})) == ADDRESS


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (f"{ADDRESS}:40123", ADDRESS),
        ("[2001:db8::7]:40123", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("", ""),
        (f"{FORGED},", ""),
    ],
)
def test_ports_are_no_part_of_an_address(said: str, meant: str) -> None:
    assert address(alb(headers={"x-forwarded-for": said})) == meant


@pytest.mark.parametrize("door", DOORS)
def test_a_front_door_that_says_no_address_is_no_error(door: Any) -> None:
    event = {**door(), "headers": {}, "multiValueHeaders": {}}
    for name in ("http", "identity"):
        event["requestContext"].pop(name, None)

    assert address(event) == ""

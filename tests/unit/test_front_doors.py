"""One handler behind every front door: what it is asked and what it answers are the same."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from adapters.tokens import keys
from domain.errors import Unauthenticated
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.front_door import front_door
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.tokens import verifier
from tests.signing import CLIENT_ID, ISSUER, jwk, key_set, token

CLAIMS = {"sub": "subject-1", "username": "ann", "groups": "admin staff", "exp": "4102444800"}
BODY = '{"word": "grün"}'


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"


class Word(Body):
    word: str


@pytest.fixture(autouse=True)
def gateway_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENS_VERIFIED_BY", "gateway")


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


@endpoint
def admins_only(request: Request) -> Response:
    """Answer admins with who they are."""
    caller = request.admin()
    return Response(HTTPStatus.OK, {"sub": caller.sub, "username": caller.username})


def refused(answer: dict[str, Any]) -> tuple[int, str, str | None]:
    """Return (status, kind, WWW-Authenticate) of a problem document."""
    many = answer.get("multiValueHeaders") or {name: [text] for name, text in answer["headers"].items()}
    assert many["content-type"] == ["application/problem+json"]
    return (
        answer["statusCode"],
        json.loads(answer["body"])["type"].rpartition(":")[2],
        many["www-authenticate"][0] if "www-authenticate" in many else None,
    )


SIGN_IN = (401, "unauthenticated", "Bearer")


def with_header(event: dict[str, Any], *authorization: str) -> dict[str, Any]:
    """Return the event with Authorization headers, as its front door hands them over."""
    if "headers" in event:
        joined = ",".join(authorization) if event.get("version") == "2.0" else authorization[-1]
        event["headers"] = {**event["headers"], "authorization": joined}
    if "multiValueHeaders" in event:
        event["multiValueHeaders"] = {**event["multiValueHeaders"], "authorization": list(authorization)}
    return event


def with_authorizer(event: dict[str, Any], said: dict[str, str] | None) -> dict[str, Any]:
    """Return the event with an authorizer's context, or without one."""
    event["requestContext"].pop("authorizer", None)
    if said is not None:
        event["requestContext"]["authorizer"] = {"lambda": said} if event.get("version") == "2.0" else said
    return event


@pytest.fixture
def handler_mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Let handlers verify tokens of an issuer that publishes one key; yield what changes its key set."""
    for name, value in {
        "TOKENS_VERIFIED_BY": "handler",
        "TOKEN_ISSUER": ISSUER,
        "TOKEN_CLIENT_IDS": CLIENT_ID,
        "TOKEN_ALGORITHMS": "RS256",
        "JWKS_URL": "https://keys",
        "STAGE": "prod",
    }.items():
        monkeypatch.setenv(name, value)

    def publish(document: bytes) -> None:
        verifier.cache_clear()
        monkeypatch.setattr(keys.Fetch, "__call__", lambda *_: document)

    publish(key_set(jwk()))
    yield publish
    verifier.cache_clear()


@pytest.mark.parametrize("door", DOORS)
def test_where_no_authorizer_stands_the_handler_verifies_the_token(door: Any, handler_mode: Any) -> None:
    event = with_header(with_authorizer(door(), None), f"bearer {token()}")

    answer = admins_only(event, Context())

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"sub": "subject-1", "username": "ann"})


@pytest.mark.parametrize("door", DOORS)
def test_where_no_authorizer_stands_a_forged_context_opens_nothing(door: Any, handler_mode: Any) -> None:
    assert refused(admins_only(with_authorizer(door(), CLAIMS), Context())) == SIGN_IN


@pytest.mark.parametrize("door", DOORS)
def test_a_forged_context_adds_nothing_to_a_token(door: Any, handler_mode: Any) -> None:
    event = with_header(with_authorizer(door(), CLAIMS), f"Bearer {token(**{'cognito:groups': ['staff']})}")

    assert refused(admins_only(event, Context())) == (403, "forbidden", None)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([""], id="empty"),
        pytest.param(["Bearer"], id="no token"),
        pytest.param(["Bearer x.y.z"], id="no JWT"),
        pytest.param(["Basic dXNlcjpwdw=="], id="basic"),
        pytest.param(["{good}"], id="no scheme"),
        pytest.param(["Bearer {ended}"], id="ended"),
        pytest.param(["Bearer {ending}"], id="ended within the clocks' leeway"),
        pytest.param(["Bearer {without_sub}"], id="no subject"),
        pytest.param(["Bearer {without_name}"], id="an empty subject"),
        pytest.param(["Bearer {id_token}"], id="an id token"),
        pytest.param(["Bearer {strange}"], id="a key of somebody else"),
    ],
)
def test_where_no_authorizer_stands_a_bad_token_is_refused_by_the_handler(
    door: Any, handler_mode: Any, headers: list[str]
) -> None:
    tokens = {
        "good": token(),
        "ended": token(exp=int(time.time()) - 60),
        "ending": token(exp=int(time.time()) - 1),
        "without_sub": token(sub=None),
        "without_name": token(sub=""),
        "id_token": token(token_use="id"),
        "strange": token("two", {"kid": "one"}),
    }
    event = with_header(with_authorizer(door(), CLAIMS), *(header.format(**tokens) for header in headers))

    assert refused(admins_only(event, Context())) == SIGN_IN


@pytest.mark.parametrize("door", [one for one in DOORS if one is not alb])
def test_two_tokens_are_none(door: Any, handler_mode: Any) -> None:
    """A load balancer without multi-value headers hands over the last one alone."""
    event = with_header(door(), f"Bearer {token()}", f"Bearer {token()}")

    assert refused(admins_only(event, Context())) == SIGN_IN


def test_without_keys_nobody_is_let_in_and_nobody_is_told_to_sign_in_again(handler_mode: Any) -> None:
    handler_mode(b"")

    answer = admins_only(with_header(alb(), f"Bearer {token()}"), Context())

    assert refused(answer) == (503, "unavailable", None)
    assert answer["headers"]["retry-after"] == "5"


@pytest.mark.parametrize("door", DOORS)
def test_the_groups_that_the_authorizer_found_make_an_admin(door: Any) -> None:
    admin, staff = (admins_only(with_authorizer(door(), {**CLAIMS, "groups": own}), Context()) for own in ("admin", ""))

    assert admin["statusCode"] == 200
    assert refused(staff) == (403, "forbidden", None)


@pytest.mark.parametrize("door", DOORS)
def test_a_route_that_stands_behind_no_authorizer_after_all_refuses(door: Any) -> None:
    """Also with a good token: nobody has looked at it."""
    event = with_header(with_authorizer(door(), None), f"Bearer {token()}")

    assert refused(admins_only(event, Context())) == SIGN_IN


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"lambda": None}, {"lambda": {}}, {"jwt": {"claims": CLAIMS}}, {"iam": CLAIMS}, CLAIMS],
    ids=["none", "empty", "no context", "an empty context", "a JWT authorizer", "IAM", "a REST API's"],
)
@pytest.mark.parametrize("door", [http_api, function_url])
def test_another_kind_of_authorizer_vouches_for_nobody(door: Any, authorizer: Any) -> None:
    event = door()
    event["requestContext"]["authorizer"] = authorizer

    assert refused(admins_only(event, Context())) == SIGN_IN


@pytest.mark.parametrize("said", [{**CLAIMS, "sub": ""}, {"exp": CLAIMS["exp"]}, {"sub": "subject-1"}])
@pytest.mark.parametrize("door", [http_api, function_url, rest_api])
def test_a_context_without_subject_or_end_vouches_for_nobody(door: Any, said: dict[str, str]) -> None:
    assert refused(admins_only(with_authorizer(door(), said), Context())) == SIGN_IN


@pytest.mark.parametrize("value", [None, "", "Gateway", "gateway ", "nobody", "gateway,handler"])
@pytest.mark.parametrize("door", DOORS)
def test_a_deployment_that_does_not_say_who_verifies_lets_nobody_in(
    door: Any, value: str | None, handler_mode: Any, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with a context nor with a token; and an operator reads why."""
    monkeypatch.delenv("TOKENS_VERIFIED_BY")
    if value is not None:
        monkeypatch.setenv("TOKENS_VERIFIED_BY", value)

    answer = admins_only(with_header(with_authorizer(door(), CLAIMS), f"Bearer {token()}"), Context())

    assert refused(answer) == (500, "unexpected", None)
    assert "TOKENS_VERIFIED_BY must be gateway or handler" in json.dumps(log())

"""Lambda authorizers in front of routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import APIGatewayAuthorizerEventV2
from aws_lambda_powertools.utilities.parser.models import (
    ApiGatewayAuthorizerRequestV2,
    APIGatewayProxyEventV2Model,
)

from local.gateway.answers import RefusalError
from local.gateway.authorizing import Authorizers
from local.model import Authorizer, Invocation, Route
from tests.local.http_front import ALLOWED, DENIED, GUARDED, JWT, OK, TOKEN, Functions, Start, error, gateways, message


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def start(functions: Functions) -> AsyncIterator[Start]:
    async with gateways(functions) as start:
        yield start


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
async def test_without_the_identity_header_nobody_is_asked(
    start: Start, functions: Functions, headers: dict[str, str]
) -> None:
    response = await (await start(GUARDED)).send("GET /orders/1", headers=headers)
    assert message(response) == (401, "Unauthorized")
    assert functions.calls == []


async def test_the_authorizer_gets_the_request_and_the_function_its_context(start: Start, functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = ALLOWED
    api = await start(GUARDED, region="eu-west-1", account="123456789012", api_id="abc")
    response = await api.send("GET /orders/o-1?x=1", headers=TOKEN | {"Cookie": "a=1"})
    assert response.status == 200
    (asked, question), (called, event) = functions.calls
    assert (asked, called) == ("AuthorizerFunction", "OrdersFunction")
    assert event["requestContext"].pop("authorizer") == {"lambda": {"sub": "ada", "level": 3, "tags": ["a"]}}
    assert question["type"] == "REQUEST"
    assert question["routeArn"] == "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/GET/orders/o-1"
    assert question["identitySource"] == ["Bearer t1"]
    same = question.keys() - {"type", "routeArn", "identitySource"}
    assert {name: question[name] for name in same} == {name: event[name] for name in event.keys() - {"isBase64Encoded"}}
    ApiGatewayAuthorizerRequestV2.model_validate(question)
    parsed = APIGatewayAuthorizerEventV2(question)
    assert (parsed.parsed_arn.http_method, parsed.parsed_arn.resource) == ("GET", "orders/o-1")
    assert (parsed.route_key, parsed.raw_path, parsed.cookies) == ("GET /orders/{id}", "/orders/o-1", ["a=1"])


async def test_powertools_reads_the_context(start: Start, functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = ALLOWED
    await (await start(GUARDED)).send("GET /orders/1", headers=TOKEN)
    authorizer = APIGatewayProxyEventV2(functions.event).request_context.authorizer
    assert authorizer is not None
    assert authorizer.get_lambda == {"sub": "ada", "level": 3, "tags": ["a"]}
    model = APIGatewayProxyEventV2Model.model_validate(functions.event)
    assert model.requestContext.authorizer is not None
    assert model.requestContext.authorizer.lambda_value == authorizer.get_lambda


async def test_several_identity_headers_are_all_required(start: Start, functions: Functions) -> None:
    both = Authorizer("Both", "AuthorizerFunction", identity_headers=("Authorization", "X-Tenant"))
    functions.answers["AuthorizerFunction"] = ALLOWED
    api = await start(Route("GET", "/", "F", both))
    assert (await api.send("GET /", headers=TOKEN)).status == 401
    assert (await api.send("GET /", headers=TOKEN | {"x-tenant": "t"})).status == 200
    assert functions.calls[0][1]["identitySource"] == ["Bearer t1", "t"]


async def test_a_denial_is_a_403_and_kept(start: Start, functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = DENIED
    api = await start(GUARDED)
    for _ in range(2):
        assert message(await api.send("GET /orders/1", headers=TOKEN)) == (403, "Forbidden")
    assert functions.names == ["AuthorizerFunction"]


@pytest.mark.parametrize(
    "broken",
    [
        error("KeyError"),
        error("Sandbox.Timedout"),
        Invocation(b"{not json"),
        Invocation(b"null"),
        Invocation(b'{"isAuthorized": "true"}'),
        Invocation(b'{"context": {}}'),
        Invocation(b'{"isAuthorized": true, "context": ["sub"]}'),
    ],
)
async def test_an_authorizer_that_fails_is_a_500_and_asked_again(
    start: Start, functions: Functions, broken: Invocation
) -> None:
    functions.answers["AuthorizerFunction"] = broken
    api = await start(GUARDED)
    for _ in range(2):
        assert message(await api.send("GET /orders/1", headers=TOKEN)) == (500, "Internal Server Error")
    assert functions.names == ["AuthorizerFunction"] * 2
    assert len(api.said) == 2


async def test_an_authorizer_that_takes_too_long_is_a_500(start: Start, functions: Functions) -> None:
    async def slow(_: Any) -> Invocation:
        return await asyncio.Event().wait() and OK

    functions.answers["AuthorizerFunction"] = slow
    api = await start(GUARDED, timeout=0.05)
    assert (await api.send("GET /orders/1", headers=TOKEN)).status == 500


async def test_a_verdict_holds_on_all_routes_of_its_authorizer_and_for_its_identity_only(
    start: Start, functions: Functions
) -> None:
    functions.answers["AuthorizerFunction"] = ALLOWED
    other = Authorizer("Other", "OtherAuthorizer", ttl=60)
    functions.answers["OtherAuthorizer"] = ALLOWED
    api = await start(GUARDED, Route("GET", "/me", "Me", JWT), Route("GET", "/other", "Me", other))
    for path in ("/orders/1", "/me", "/me", "/other"):
        assert (await api.send(f"GET {path}", headers=TOKEN)).status == 200
    assert (await api.send("GET /me", headers={"authorization": "Bearer t2"})).status == 200
    assert functions.names.count("AuthorizerFunction") == 2
    assert functions.names.count("OtherAuthorizer") == 1


async def test_with_ttl_0_every_request_asks(start: Start, functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = ALLOWED
    api = await start(Route("GET", "/", "F", Authorizer("Jwt", "AuthorizerFunction", ttl=0)))
    for _ in range(2):
        assert (await api.send("GET /", headers=TOKEN)).status == 200
    assert functions.names == ["AuthorizerFunction", "F"] * 2


async def test_concurrent_first_requests_share_one_question(start: Start, functions: Functions) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> Invocation:
        asked.set()
        await go_on.wait()
        return ALLOWED

    functions.answers["AuthorizerFunction"] = slow
    api = await start(GUARDED)
    requests = [asyncio.create_task(api.send(f"GET /orders/{n}", headers=TOKEN)) for n in range(5)]
    async with asyncio.timeout(5):
        await asked.wait()
        go_on.set()
        assert [response.status for response in await asyncio.gather(*requests)] == [200] * 5
    assert functions.names.count("AuthorizerFunction") == 1


def question(token: str) -> dict[str, Any]:
    return {"headers": {"authorization": token}, "rawPath": "/"}


async def test_a_verdict_ends_with_its_ttl(functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = DENIED
    now = 1000.0
    authorizers = Authorizers(functions, clock=lambda: now)
    for now in (1000.0, 1059.9, 1060.1):  # noqa: B007 - the clock reads it
        with pytest.raises(RefusalError):
            await authorizers.admit(JWT, question("t"), "arn")
    assert len(functions.calls) == 2


async def test_a_thousand_verdicts_are_kept_and_the_oldest_goes_first(functions: Functions) -> None:
    functions.answers["AuthorizerFunction"] = ALLOWED
    authorizers = Authorizers(functions)
    for n in (*range(1001), 1, 1000, 0):
        await authorizers.admit(JWT, question(f"t{n}"), "arn")
    asked = [event["identitySource"][0] for _, event in functions.calls]
    assert asked == [*(f"t{n}" for n in range(1001)), "t0"]


async def test_a_caller_who_leaves_does_not_end_the_question_but_close_does(functions: Functions) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(_: Any) -> Invocation:
        asked.set()
        try:
            return await asyncio.Event().wait() and OK
        finally:
            cancelled.set()

    functions.answers["AuthorizerFunction"] = endless
    authorizers = Authorizers(functions)
    caller = asyncio.create_task(authorizers.admit(JWT, question("t"), "arn"))
    async with asyncio.timeout(5):
        await asked.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not cancelled.is_set()
    await authorizers.close()
    assert cancelled.is_set()

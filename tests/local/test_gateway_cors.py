"""CORS as the HTTP front configures it."""

from collections.abc import AsyncIterator

import pytest

from local.model import Cors, Route
from tests.local.http_front import GUARDED, JWT, Functions, Got, Start, answer, gateways

SHOP = "https://shop.example"
CORS = Cors(
    origins=(SHOP,),
    methods=("GET", "POST"),
    headers=("authorization", "content-type"),
    exposed=("etag",),
    credentials=True,
    max_age=600,
)
PREFLIGHT = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
ANSWER = {
    "access-control-allow-origin": SHOP,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET,POST",
    "access-control-allow-headers": "authorization,content-type",
    "access-control-max-age": "600",
}


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def start(functions: Functions) -> AsyncIterator[Start]:
    async with gateways(functions) as start:
        yield start


def cors_headers(response: Got) -> dict[str, str]:
    return {k.lower(): v for k, v in response.headers.items() if k.lower().startswith("access-control-")}


async def test_a_preflight_needs_neither_route_nor_token(start: Start, functions: Functions) -> None:
    api = await start(GUARDED, cors=CORS)
    for path in ("/orders/1", "/nowhere"):
        response = await api.send(f"OPTIONS {path}", headers=PREFLIGHT)
        assert (response.status, response.body, cors_headers(response)) == (204, b"", ANSWER)
        assert response.headers["vary"] == "Origin"
        assert response.headers["apigw-requestid"]
    assert functions.calls == []


async def test_what_is_not_configured_is_not_sent(start: Start) -> None:
    response = await (await start(cors=Cors(origins=("*",)))).send("OPTIONS /", headers=PREFLIGHT)
    assert (response.status, cors_headers(response)) == (204, {"access-control-allow-origin": "*"})


async def test_a_preflight_from_elsewhere_gets_no_headers(start: Start) -> None:
    response = await (await start(cors=CORS)).send("OPTIONS /", headers=PREFLIGHT | {"Origin": "https://evil.example"})
    assert (response.status, cors_headers(response)) == (204, {})


@pytest.mark.parametrize("headers", [{}, {"Origin": SHOP}, {"Access-Control-Request-Method": "GET"}])
async def test_other_options_requests_are_no_preflights(start: Start, headers: dict[str, str]) -> None:
    assert (await (await start(GUARDED, cors=CORS)).send("OPTIONS /orders/1", headers=headers)).status == 404


async def test_without_cors_a_preflight_is_not_found(start: Start) -> None:
    assert (await (await start(GUARDED)).send("OPTIONS /orders/1", headers=PREFLIGHT)).status == 404


@pytest.mark.parametrize("route", [Route("OPTIONS", "/a", "F"), Route("ANY", "/a", "F"), Route("ANY", "$default", "F")])
async def test_a_route_that_takes_options_gets_the_preflight(start: Start, functions: Functions, route: Route) -> None:
    functions.answers["F"] = answer(statusCode=405)
    response = await (await start(route, cors=CORS)).send("OPTIONS /a", headers=PREFLIGHT)
    assert (response.status, cors_headers(response), functions.names) == (405, ANSWER, ["F"])


async def test_an_authorizer_on_any_stops_preflights(start: Start) -> None:
    """AWS's page has the same warning for `$default`: add an OPTIONS route without authorizer."""
    response = await (await start(Route("ANY", "/a", "F", JWT), cors=CORS)).send("OPTIONS /a", headers=PREFLIGHT)
    assert response.status == 401


async def test_responses_carry_the_configured_headers_not_the_functions(start: Start, functions: Functions) -> None:
    own = {"Access-Control-Allow-Origin": "*", "access-control-max-age": "1", "Vary": "Accept"}
    functions.answers["GET /"] = answer(statusCode=200, headers=own)
    api = await start("GET /", cors=CORS)
    response = await api.send("GET /", headers={"Origin": SHOP})
    assert cors_headers(response) == {
        "access-control-allow-origin": SHOP,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "etag",
    }
    assert response.headers.getall("vary") == ["Accept", "Origin"]
    for headers in ({}, {"Origin": "https://evil.example"}):
        assert cors_headers(await api.send("GET /", headers=headers)) == {}


async def test_the_gateways_own_errors_can_be_read_across_origins(start: Start) -> None:
    response = await (await start(GUARDED, cors=CORS)).send("GET /orders/1", headers={"Origin": SHOP})
    assert (response.status, response.headers["access-control-allow-origin"]) == (401, SHOP)


async def test_without_cors_the_functions_headers_stay(start: Start, functions: Functions) -> None:
    functions.answers["GET /"] = answer(statusCode=200, headers={"Access-Control-Allow-Origin": "*"})
    response = await (await start("GET /")).send("GET /", headers={"Origin": SHOP})
    assert cors_headers(response) == {"access-control-allow-origin": "*"}


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("*", "https://a.example", "*"),
        ("https://*", "https://a.example:8443", "https://a.example:8443"),
        ("https://*", "http://a.example", None),
        ("http://*", "http://localhost:5173", "http://localhost:5173"),
        ("https://a.example", "https://a.example.evil", None),
        ("https://a.example", "null", None),
    ],
)
async def test_origins(start: Start, allowed: str, origin: str, answered: str | None) -> None:
    response = await (await start("GET /", cors=Cors(origins=(allowed,)))).send("GET /", headers={"Origin": origin})
    assert response.headers.get("access-control-allow-origin") == answered
    assert ("vary" in response.headers) == (answered not in {None, "*"})

"""The authorizer's answers to each gateway: an HTTP API's simple response, a REST API's policy."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.tokens import keys
from handlers.wiring.tokens import verifier
from tests.signing import CLIENT_ID, ISSUER, jwk, key_set, token

ARN = "arn:aws:execute-api:eu-west-1:123456789012:api/prod/GET/orders/7"


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield the handler, loaded anew, with an issuer that publishes one key."""
    for name, value in {
        "TOKEN_ISSUER": ISSUER,
        "TOKEN_CLIENT_IDS": CLIENT_ID,
        "TOKEN_ALGORITHMS": "RS256",
        "JWKS_URL": "https://keys",
        "STAGE": "prod",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(keys.Fetch, "__call__", lambda *_: key_set(jwk()))
    verifier.cache_clear()
    sys.modules.pop("handlers.authorizer", None)
    module = importlib.import_module("handlers.authorizer")
    yield lambda event: module.handler(event, Context())
    del sys.modules["handlers.authorizer"]
    verifier.cache_clear()


def rest(headers: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"type": "REQUEST", "version": "1.0", "methodArn": ARN, "headers": headers, **other}


def http(header: str) -> dict[str, Any]:
    return {"type": "REQUEST", "version": "2.0", "routeKey": "GET /orders", "headers": {"authorization": header}}


def statement(answer: dict[str, Any]) -> dict[str, str]:
    (found,) = answer["policyDocument"]["Statement"]
    return dict(found)


def test_a_rest_policy_covers_every_route_of_the_stage_for_this_token(authorize: Any) -> None:
    """API Gateway caches it for the token: a policy for one route would refuse the next one."""
    answer = authorize(rest({"Authorization": f"Bearer {token()}"}))

    assert statement(answer) == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-west-1:123456789012:api/prod/*",
    }
    assert answer["principalId"] == "subject-1"
    assert answer["context"]["groups"] == "admin staff"
    assert all(isinstance(value, str) for value in answer["context"].values())


def test_both_gateways_get_the_same_context(authorize: Any) -> None:
    bearer = f"Bearer {token()}"

    assert authorize(http(bearer))["context"] == authorize(rest({"authorization": bearer}))["context"]


def test_a_token_authorizer_is_served_too(authorize: Any) -> None:
    event = {"type": "TOKEN", "methodArn": ARN, "authorizationToken": f"Bearer {token()}"}

    assert statement(authorize(event))["Effect"] == "Allow"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(rest({}), id="no header"),
        pytest.param({**rest({}), "headers": None}, id="no headers at all"),
        pytest.param(rest({"Authorization": "Basic dXNlcjpwdw=="}), id="basic"),
        pytest.param(rest({"Authorization": token()}), id="no scheme"),
        pytest.param(rest({"Authorization": f"Bearer {token()}", "authorization": "Bearer x"}), id="two headers"),
        pytest.param(rest({}, multiValueHeaders={"Authorization": [f"Bearer {token()}", "Bearer x"]}), id="two values"),
        pytest.param(rest({"Authorization": f"Bearer  {token()}"}), id="two spaces"),
        pytest.param({"type": "TOKEN", "methodArn": ARN, "authorizationToken": "Bearer "}, id="an empty token"),
    ],
)
def test_rest_denials_cover_the_stage_and_carry_nothing(authorize: Any, event: dict[str, Any]) -> None:
    answer = authorize(event)

    assert statement(answer)["Effect"] == "Deny"
    assert answer["context"] == {}


@pytest.mark.parametrize(
    "header",
    [
        *("", "Bearer", "Bearer ", "bearer{}", "{}", "Bearer {},Bearer x", "Bearer {}, Bearer {}", "Bearer {} {}"),
        *(
            "Basic {}",
            "Digest {}",
            "Token {}",
            "JWT {}",
            "DPoP {}",
            "Bearer: {}",
            "Bearer={}",
            "Bearer,{}",
            "Bearer;{}",
        ),
        *("Bearer\t{}", "Bearer\n{}", "Bearer\r\n {}", "Bearer\u00a0{}", "Bearer  {}", " Bearer {}", "\tBearer {}"),
        *(
            "Bearer {} ",
            "Bearer {}\n",
            "Bearer {}\t",
            "Bearer {};",
            "Bearer {},",
            "Bearer {}=",
            'Bearer "{}"',
            "Bearer <{}>",
        ),
        *(
            "Bearer token={}",
            "Bearer Bearer {}",
            "Basic x, Bearer {}",
            "Bearer {}, Basic x",
            "B\u0435arer {}",
            "\ufeffBearer {}",
        ),
    ],
)
def test_simple_denials_carry_nothing(authorize: Any, header: str) -> None:
    assert authorize(http(header.replace("{}", token()))) == {"isAuthorized": False}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_schemes_case_does_not_matter(authorize: Any, scheme: str) -> None:
    """RFC 9110, section 11.1."""
    assert authorize(http(f"{scheme} {token()}"))["isAuthorized"] is True


def test_without_keys_a_request_is_neither_allowed_nor_denied_and_its_id_is_logged(
    authorize: Any, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A denial would be cached for the token, and tell its bearer to sign in again."""
    monkeypatch.setattr(keys.Fetch, "__call__", lambda *_: b"")

    with pytest.raises(keys.KeysUnavailable):
        authorize({**http(f"Bearer {token()}"), "requestContext": {"requestId": "r1"}})

    (line,) = log()
    assert (line["level"], line["correlation_id"]) == ("ERROR", "r1")
    assert "KeysUnavailable" in line["exception"]

"""The Lambda authorizer in front of every route that is not public. Imports neither boto3 nor pydantic.

Answers an HTTP API (payload 2.0, simple response) and a REST API (REQUEST or TOKEN, IAM policy), by the event's
version. Sources: API Gateway Developer Guide, "Control access to HTTP APIs with AWS Lambda authorizers" and "Output
from an API Gateway Lambda authorizer".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerTokenEvent,
)

from adapters.tokens.keys import Fetch, KeySource
from adapters.tokens.verifier import Claims, Verifier
from domain.errors import Unauthenticated
from handlers.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

algorithms = tuple(os.environ["TOKEN_ALGORITHMS"].split(","))
verifier = Verifier(
    issuer=os.environ["TOKEN_ISSUER"],
    client_ids=frozenset(os.environ["TOKEN_CLIENT_IDS"].split(",")),
    algorithms=algorithms,
    keys=KeySource(os.environ["JWKS_URL"], algorithms, fetch=Fetch(allow_http=os.environ["STAGE"] == "local")),
)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Allow a request with a good bearer token; the context is flat strings, whatever the gateway."""
    logger.set_correlation_id(event.get("requestContext", {}).get("requestId"))
    try:
        claims = verifier.verify(_token(_values(event)))
    except Unauthenticated as error:
        logger.info("refused", reason=str(error), route=event.get("routeKey") or event.get("resource"))
        claims = None
    return _simple(claims) if event.get("version") == "2.0" else _policy(event["methodArn"], claims)


def _values(event: dict[str, Any]) -> list[str]:
    """Return every Authorization header, however the gateway hands them over."""
    if event.get("type") == "TOKEN":
        return [APIGatewayAuthorizerTokenEvent(event).authorization_token]
    request = APIGatewayAuthorizerRequestEvent(event)
    many = request.get("multiValueHeaders") or {name: [text] for name, text in request.headers.items()}
    return [text for name, texts in many.items() if name.lower() == "authorization" for text in texts]


def _token(values: list[str]) -> str:
    """Return the one bearer token. Raises Unauthenticated."""
    if len(values) != 1:
        raise Unauthenticated("not one Authorization header")
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("not a bearer token")
    return token


def _simple(claims: Claims | None) -> dict[str, Any]:
    return {"isAuthorized": True, "context": _context(claims)} if claims else {"isAuthorized": False}


def _policy(method_arn: str, claims: Claims | None) -> dict[str, Any]:
    """Return a policy for every method and path of the stage: API Gateway caches it for the token, not the route."""
    stage = "/".join(method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if claims else "Deny", "Resource": f"{stage}/*"}
    return {
        "principalId": claims.sub if claims else "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": _context(claims) if claims else {},
    }


def _context(claims: Claims) -> dict[str, str]:
    return {
        "sub": claims.sub,
        "username": claims.username,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "groups": " ".join(claims.groups),
        "exp": str(claims.exp),
    }

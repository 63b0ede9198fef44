"""The Lambda authorizer in front of every route that is not public. Imports neither boto3 nor pydantic."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import APIGatewayAuthorizerEventV2

from adapters.tokens.keys import KeySource
from adapters.tokens.verifier import Claims, Verifier
from domain.errors import Unauthenticated
from handlers.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

verifier = Verifier(
    issuer=os.environ["TOKEN_ISSUER"],
    client_ids=frozenset(os.environ["TOKEN_CLIENT_IDS"].split(",")),
    keys=KeySource(os.environ["JWKS_URL"]),
)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP API's REQUEST authorizer (payload 2.0, simple response); the context is flat strings."""
    request = APIGatewayAuthorizerEventV2(event)
    logger.set_correlation_id(request.request_context.request_id)
    try:
        claims = verifier.verify(_bearer(request.headers.get("authorization", "")))
    except Unauthenticated as error:
        logger.info("refused", reason=str(error), route=request.route_key)
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": _context(claims)}


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("not a bearer token")
    return token


def _context(claims: Claims) -> dict[str, str]:
    return {
        "sub": claims.sub,
        "username": claims.username,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "groups": " ".join(claims.groups),
        "exp": str(claims.exp),
    }

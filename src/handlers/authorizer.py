"""The Lambda authorizer in front of every route that is not public. Imports neither botocore nor pydantic.

It logs what it refuses, and imports the logger when it does so first: that takes longer than to verify a token.

Answers an HTTP API (payload 2.0, simple response) and a REST API (REQUEST or TOKEN, IAM policy), by the event's
version. Sources: API Gateway Developer Guide, "Control access to HTTP APIs with AWS Lambda authorizers" and "Output
from an API Gateway Lambda authorizer".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.tokens.keys import KeysUnavailable
from domain.errors import Unauthenticated
from handlers.http.bearer import bearer, context, values
from handlers.start import ready
from handlers.wiring.tokens import verifier

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from adapters.tokens.verifier import Claims

verify = verifier().verify
ready()


def handler(event: dict[str, Any], invocation: LambdaContext) -> dict[str, Any]:
    """Allow a request with a good bearer token; the context is flat strings, whatever the gateway.

    Without keys it fails: the gateway answers 500, and asks again the next time.
    """
    try:
        claims = verify(bearer(_authorization(event)))
    except Unauthenticated as error:
        from handlers.refusals import refused  # noqa: PLC0415 - see above

        refused(event, invocation, error)
        claims = None
    except KeysUnavailable:
        from handlers.refusals import without_keys  # noqa: PLC0415 - see above

        without_keys(event, invocation)
        raise
    return _simple(claims) if event.get("version") == "2.0" else _policy(event["methodArn"], claims)


def _authorization(event: dict[str, Any]) -> list[str]:
    return [event["authorizationToken"]] if event.get("type") == "TOKEN" else values(event, "authorization")


def _simple(claims: Claims | None) -> dict[str, Any]:
    return {"isAuthorized": True, "context": context(claims)} if claims else {"isAuthorized": False}


def _policy(method_arn: str, claims: Claims | None) -> dict[str, Any]:
    """Return a policy for every method and path of the stage: API Gateway caches it for the token, not the route."""
    stage = "/".join(method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if claims else "Deny", "Resource": f"{stage}/*"}
    return {
        "principalId": claims.sub if claims else "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context(claims) if claims else {},
    }

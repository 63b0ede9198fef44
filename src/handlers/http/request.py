"""What a handler may ask of an HTTP request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from domain.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the authorizer found: the token's subject, name and groups."""

    sub: str
    username: str
    groups: frozenset[str]


@dataclass(frozen=True)
class Request:
    """One HTTP request, and the invocation that answers it."""

    event: APIGatewayProxyEventV2
    context: LambdaContext

    @property
    def id(self) -> str:
        """The gateway's id of the request, for people to quote."""
        return str(self.event.request_context.request_id)

    def path(self, name: str) -> str:
        """Return a path parameter, decoded."""
        return self.event.path_parameters[name]

    def query(self, name: str) -> str | None:
        """Return a query parameter, or None."""
        return self.event.query_string_parameters.get(name)

    def header(self, name: str) -> str | None:
        """Return a header, or None; names are compared without case."""
        return self.event.headers.get(name)

    def caller(self) -> Caller:
        """Return who calls. Raises Unauthenticated without a subject or with a token that has ended since."""
        context: dict[str, Any] = self.event["requestContext"].get("authorizer", {}).get("lambda") or {}
        if not context.get("sub") or int(context.get("exp", 0)) <= time.time():
            raise Unauthenticated("sign in again")
        return Caller(context["sub"], context.get("username", ""), frozenset(context.get("groups", "").split()))

    def admin(self) -> Caller:
        """Return who calls, a member of the group admin. Raises Forbidden."""
        caller = self.caller()
        if ADMIN not in caller.groups:
            raise Forbidden(f"this needs the group {ADMIN}")
        return caller

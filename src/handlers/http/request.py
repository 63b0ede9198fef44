"""What a handler may ask of an HTTP request, whichever front door it came through."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from domain.errors import Forbidden, Unauthenticated, Unavailable
from handlers.http.bearer import bearer, context, values
from handlers.http.front_door import RestApi
from handlers.http.routes import match
from handlers.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the verified token says: its subject, name and groups."""

    sub: str
    username: str
    groups: frozenset[str]


@dataclass(frozen=True)
class Request:
    """One HTTP request, and the invocation that answers it."""

    event: RestApi
    context: LambdaContext
    viewer: str | None = None
    """The client's address as the edge saw it, where the call came through one."""

    @property
    def id(self) -> str:
        """The gateway's id of the request, for people to quote; a load balancer's trace id."""
        return str(self.event["requestContext"].get("requestId") or self.header("x-amzn-trace-id"))

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.event.method

    @property
    def url_path(self) -> str:
        """The path, decoded; an HTTP API's comes decoded."""
        return self.event.path if self.event.is_decoded else unquote(self.event.path)

    @property
    def address(self) -> str:
        """The client's IP address as the edge or the front door itself saw it; empty when it did not say.

        A load balancer appends what it saw to x-forwarded-for (its mode `append`), so that everything before the last
        entry is the client's own word.
        """
        if self.viewer:
            return self.viewer
        context: dict[str, Any] = self.event["requestContext"]
        if "elb" in context:
            return _without_port((self.header("x-forwarded-for") or "").rpartition(",")[2].strip())
        return str((context.get("http") or context.get("identity") or {}).get("sourceIp") or "")

    @property
    def parameters(self) -> Mapping[str, str]:
        """The path's parameters, decoded; read from the path where the front door knows no routes."""
        given: Mapping[str, str] = self.event.get("pathParameters") or {}
        if not given:
            return match(self.method, self.url_path)
        return given if self.event.is_decoded else {name: unquote(value) for name, value in given.items()}

    @property
    def route(self) -> str:
        """The route, for the log."""
        return str(self.event.get("routeKey") or f"{self.method} {self.event.get('resource') or self.url_path}")

    def path(self, name: str) -> str:
        """Return a path parameter, decoded."""
        return self.parameters[name]

    def query(self, name: str) -> str | None:
        """Return a query parameter, or None; one that is repeated comes joined by commas, as an HTTP API does it."""
        values = self.event.query.get(name)
        return ",".join(values) if values else None

    def header(self, name: str) -> str | None:
        """Return a header (its name in lower case), or None; repeated values are joined by commas."""
        found = values(self.event.raw, name)
        return ",".join(found) if found else None

    def caller(self) -> Caller:
        """Return who calls. Raises Unauthenticated without a subject or with a token that has ended since.

        Who verifies the token is the deployment's word, not the event's: behind no authorizer, somebody else may have
        written what looks like an authorizer's context.
        """
        verified_by = os.environ.get("TOKENS_VERIFIED_BY")
        if verified_by not in ("gateway", "handler"):
            raise RuntimeError(f"TOKENS_VERIFIED_BY must be gateway or handler, and is {verified_by}")
        said = self.event.authorized() if verified_by == "gateway" else self._verified()
        if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
            raise Unauthenticated("sign in again")
        return Caller(said["sub"], said.get("username", ""), frozenset(said.get("groups", "").split()))

    def token(self) -> str:
        """Return the bearer token. Raises Unauthenticated."""
        return bearer(values(self.event.raw, "authorization"))

    def admin(self) -> Caller:
        """Return who calls, a member of the group admin. Raises Forbidden."""
        caller = self.caller()
        if ADMIN not in caller.groups:
            raise Forbidden(f"this needs the group {ADMIN}")
        return caller

    def _verified(self) -> Mapping[str, str]:
        """Return what the bearer token says. Raises Unauthenticated, Unavailable, and RuntimeError where it cannot."""
        try:
            from adapters.tokens.keys import KeysUnavailable  # noqa: PLC0415 - only deployments without authorizer pay
            from handlers.wiring.tokens import verifier  # noqa: PLC0415 - as above
        except ModuleNotFoundError as error:
            raise RuntimeError(
                "the package was built without what verifies tokens: write TOKENS_VERIFIED_BY: handler into the"
                " template itself, and `sam build` again"
            ) from error

        try:
            return context(verifier().verify(self.token()))
        except Unauthenticated as error:
            logger.info("refused", reason=str(error), route=self.route)
            raise Unauthenticated("sign in again") from error
        except KeysUnavailable as error:
            raise Unavailable("the keys that tokens are checked with cannot be had; try again") from error


def _without_port(address: str) -> str:
    """Return an address without the port that a load balancer adds when it is told to preserve the client's."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address

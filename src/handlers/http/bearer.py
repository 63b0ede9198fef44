"""The bearer token of a request (RFC 6750, section 2.1), and what it says once it is verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from domain.errors import Unauthenticated

if TYPE_CHECKING:
    from adapters.tokens.verifier import Claims


def values(event: Mapping[str, Any], name: str) -> list[str]:
    """Return every value of a header (its name in lower case), however the front door hands them over."""
    many = event.get("multiValueHeaders") or {given: [text] for given, text in (event.get("headers") or {}).items()}
    return [text for given, texts in many.items() if given.lower() == name for text in texts]


def bearer(authorization: Sequence[str]) -> str:
    """Return the one bearer token of the Authorization headers. Raises Unauthenticated."""
    if len(authorization) != 1:
        raise Unauthenticated("not one Authorization header")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("not a bearer token")
    return token


def context(claims: Claims) -> dict[str, str]:
    """Return what handlers know of a caller: flat strings, as every gateway passes them on."""
    return {
        "sub": claims.sub,
        "username": claims.username,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "groups": " ".join(claims.groups),
        "exp": str(claims.exp),
    }

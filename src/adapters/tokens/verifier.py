"""Verifying an access token of a Cognito user pool (RFC 8725; Cognito: "Verifying JSON web tokens")."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from adapters.tokens.keys import KeySource
from domain.errors import Unauthenticated

ALGORITHMS = ("RS256",)
LEEWAY = 10
"""Seconds by which clocks may differ."""
MAX_LENGTH = 8192
REQUIRED = ["exp", "iat", "iss", "sub"]
HEADER = {"alg", "kid", "typ"}
"""What a header may say; anything else (jwk, jku, x5c, crit ...) would be somebody's suggestion of a key."""


@dataclass(frozen=True)
class Claims:
    """What a verified access token says of its bearer; `exp` in seconds since 1970."""

    sub: str
    username: str
    client_id: str
    scope: str
    groups: Sequence[str]
    exp: int


@dataclass(frozen=True)
class Verifier:
    """Accepts access tokens of one issuer for some of its app clients, and nothing else."""

    issuer: str
    client_ids: Collection[str]
    keys: KeySource

    def verify(self, token: str) -> Claims:
        """Return the token's claims. Raises Unauthenticated, KeysUnavailable."""
        try:
            claims = self._decode(token)
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the token is not valid: {error}") from error
        if claims.get("token_use") != "access":
            raise Unauthenticated("the token is not an access token")
        if claims.get("client_id") not in self.client_ids:
            raise Unauthenticated("the token was issued to another app client")
        return _claims(claims)

    def _decode(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_LENGTH:
            raise jwt.DecodeError("longer than any token of ours")
        header = jwt.get_unverified_header(token)
        if unknown := set(header) - HEADER:
            raise jwt.DecodeError(f"unexpected header {sorted(unknown)}")
        if header.get("alg") not in ALGORITHMS or header.get("typ", "JWT") not in ("JWT", "at+jwt"):
            raise jwt.DecodeError("unexpected algorithm or type")
        key = self.keys.key(header["kid"]) if isinstance(header.get("kid"), str) else None
        if key is None:
            raise jwt.DecodeError("signed with an unknown key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=self.issuer,
            leeway=LEEWAY,
            options={"require": REQUIRED, "verify_aud": False},
        )
        return claims


def _claims(claims: dict[str, Any]) -> Claims:
    groups = claims.get("cognito:groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise Unauthenticated("the token's groups are not a list of names")
    return Claims(
        sub=claims["sub"],
        username=str(claims.get("username", "")),
        client_id=claims["client_id"],
        scope=str(claims.get("scope", "")),
        groups=groups,
        exp=int(claims["exp"]),
    )

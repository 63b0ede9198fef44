"""Verifying an access token of a Cognito user pool (RFC 8725; Cognito: "Verifying JSON web tokens").

Header and payload are read once, strictly, and what was read is what is checked: `jwt.decode` would read them again in
a way of its own. PyJWT verifies the signature.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from adapters.tokens.keys import KeySource, SigningKey
from domain.errors import Unauthenticated

LEEWAY = 10
"""Seconds by which clocks may differ."""
MAX_LENGTH = 8192
COMPACT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
"""The compact serialisation (RFC 7515, section 3.1) without padding; JSON-serialised and encrypted tokens differ."""
HEADER = {"alg", "kid", "typ"}
"""What a header may say; anything else (jwk, jku, x5c, crit, cty ...) would be somebody's suggestion of a key."""
TYPES = ("JWT", "at+jwt")
END_OF_TIME = 253_402_300_800
"""The year 10000 in seconds; whatever is later is no time, or is in milliseconds."""


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
    """Accepts access tokens of one issuer for some of its app clients, signed in some ways, and nothing else."""

    issuer: str
    client_ids: Collection[str]
    algorithms: Sequence[str]
    keys: KeySource

    def verify(self, token: str) -> Claims:
        """Return the token's claims. Raises Unauthenticated, KeysUnavailable."""
        if len(token) > MAX_LENGTH or not COMPACT.fullmatch(token):
            raise Unauthenticated("not a token of ours: too long, or not a compact JWS")
        header, payload, signature = (_decoded(part) for part in token.split("."))
        key = self._key(_object(header))
        claims = _object(payload)
        signed = token[: token.rindex(".")].encode()
        if not jwt.get_algorithm_by_name(key.algorithm).verify(signed, key.public, signature):
            raise Unauthenticated("the signature is not the key's")
        return self._claims(claims)

    def _key(self, header: dict[str, Any]) -> SigningKey:
        if unknown := header.keys() - HEADER:
            raise Unauthenticated(f"unexpected header {sorted(unknown)}")
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self.algorithms or header.get("typ", "JWT") not in TYPES or not isinstance(kid, str):
            raise Unauthenticated("unexpected algorithm, type or key id")
        key = self.keys.key(kid)
        if key is None or key.algorithm != algorithm:
            raise Unauthenticated("signed with an unknown key")
        return key

    def _claims(self, claims: dict[str, Any]) -> Claims:
        if claims.get("iss") != self.issuer or claims.get("token_use") != "access":
            raise Unauthenticated("the token is from another issuer, or not an access token")
        client_id = claims.get("client_id")
        if not isinstance(client_id, str) or client_id not in self.client_ids:
            raise Unauthenticated("the token was issued to another app client")
        if not self._is_for_us(claims.get("aud", client_id)):
            raise Unauthenticated("the token is meant for somebody else")
        groups = claims.get("cognito:groups", [])
        texts = [claims.get("sub"), claims.get("username", ""), claims.get("scope", ""), claims.get("jti", "")]
        times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
        kinds = all(map(_is_time, times)) and all(isinstance(text, str) for text in texts) and _are_names(groups)
        if not kinds or not claims["sub"]:
            raise Unauthenticated("the token's claims are not of their kind")
        ends, *begins = map(int, times)
        if not max(begins) - LEEWAY <= time.time() < ends + LEEWAY:
            raise Unauthenticated("the token has ended, or has not begun")
        return Claims(
            sub=claims["sub"],
            username=claims.get("username", ""),
            client_id=client_id,
            scope=claims.get("scope", ""),
            groups=groups,
            exp=ends,
        )

    def _is_for_us(self, audience: Any) -> bool:
        """Say whether an audience names a client of ours; a token that has one must (RFC 7519, section 4.1.3)."""
        named = audience if isinstance(audience, list) else [audience]
        return any(isinstance(one, str) and one in self.client_ids for one in named)


def _is_time(value: Any) -> bool:
    """Say whether this is a NumericDate (RFC 7519, section 2); PyJWT takes texts and truth values for one, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < END_OF_TIME


def _are_names(groups: Any) -> bool:
    """Say whether these are group names; none has a space, by which handlers part them."""
    return isinstance(groups, list) and all(
        isinstance(one, str) and one and not re.search(r"\s", one) for one in groups
    )


def _decoded(part: str) -> bytes:
    """Return a part's bytes. Raises Unauthenticated when they have another spelling too (RFC 4648, section 3.5)."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Unauthenticated("the token is not base64url") from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise Unauthenticated("the token is not canonical base64url")
    return decoded


def _object(document: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises Unauthenticated for anything else, and for names that come twice."""
    try:
        found = _PLAIN_JSON.decode(document.decode())
    except (ValueError, RecursionError):
        raise Unauthenticated("the token does not hold plain JSON") from None
    if not isinstance(found, dict):
        raise Unauthenticated("the token does not hold an object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_PLAIN_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
"""Made once: making it costs as much as using it."""

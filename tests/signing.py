"""An issuer of tokens for tests: keys, key sets, and access tokens as Cognito makes them."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool"
CLIENT_ID = "client-1"


def private_key(name: str = "one", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key pair, the same for the same name and size."""
    return _generated(name, bits)


@cache
def _generated(_: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def base64url(content: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwk(kid: str = "one", *, bits: int = 2048, **other: Any) -> dict[str, Any]:
    """Return the public half of the key `kid` as a key set holds it; None in `other` leaves a member out."""
    numbers = private_key(kid, bits).public_key().public_numbers()
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": base64url(numbers.n.to_bytes(bits // 8, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
        **other,
    }
    return {name: value for name, value in key.items() if value is not None}


CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "p256": ("P-256", ec.SECP256R1()),
    "p384": ("P-384", ec.SECP384R1()),
}


@cache
def ec_private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return a key pair on the curve of that name, always the same."""
    return ec.generate_private_key(CURVES[name][1])


def ec_jwk(name: str, **other: Any) -> dict[str, Any]:
    """Return the public half of an elliptic-curve key, with the curve's name as its id."""
    numbers = ec_private_key(name).public_key().public_numbers()
    size = (ec_private_key(name).key_size + 7) // 8
    x, y = (base64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "use": "sig", "kid": name, "crv": CURVES[name][0], "x": x, "y": y, **other}


def key_set(*keys: Any) -> bytes:
    """Return a JWKS document."""
    return json.dumps({"keys": list(keys)}).encode()


def claims(**other: Any) -> dict[str, Any]:
    """Return the claims of an access token that is good now; None in `other` leaves a claim out."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "token_use": "access",
        "sub": "subject-1",
        "username": "ann",
        "scope": "aws.cognito.signin.user.admin",
        "cognito:groups": ["admin", "staff"],
        "iat": now,
        "exp": now + 3600,
        **other,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(kid: str = "one", headers: dict[str, Any] | None = None, **other: Any) -> str:
    """Return a signed access token."""
    return jwt.encode(claims(**other), private_key(kid), "RS256", {"kid": kid, **(headers or {})})

"""The authorizer of an HTTP API with PyJWT and its client of key sets."""

from __future__ import annotations

import os
from typing import Any

import jwt

ISSUER = os.environ["TOKEN_ISSUER"]
CLIENT_IDS = frozenset(os.environ["TOKEN_CLIENT_IDS"].split(","))
ALGORITHMS = os.environ["TOKEN_ALGORITHMS"].split(",")
KEYS = jwt.PyJWKClient(os.environ["JWKS_URL"], cache_keys=True, lifespan=3600, timeout=2)
REQUIRED = ["exp", "iat", "iss", "sub"]


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Allow a request with a good bearer token."""
    scheme, _, token = event["headers"].get("authorization", "").partition(" ")
    claims = _verified(token) if scheme.lower() == "bearer" else None
    if claims is None or claims.get("token_use") != "access" or claims.get("client_id") not in CLIENT_IDS:
        return {"isAuthorized": False}
    context = {name: claims.get(name, "") for name in ("sub", "username", "client_id", "scope")}
    context |= {"groups": " ".join(claims.get("cognito:groups", [])), "exp": str(claims["exp"])}
    return {"isAuthorized": True, "context": context}


def _verified(token: str) -> dict[str, Any] | None:
    try:
        key = KEYS.get_signing_key_from_jwt(token).key
        options: Any = {"require": REQUIRED, "verify_aud": False}
        return jwt.decode(token, key, algorithms=ALGORITHMS, issuer=ISSUER, leeway=10, options=options)
    except jwt.PyJWKClientConnectionError:
        raise
    except jwt.PyJWTError:
        return None

"""PyJWT's `decode` of a good token with the key at hand, and nothing else."""

from __future__ import annotations

import os
from typing import Any

import jwt

KEY = jwt.PyJWK.from_json(os.environ["TOKEN_KEY"]).key
ISSUER = os.environ["TOKEN_ISSUER"]
OPTIONS: Any = {"verify_aud": False}


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Return the claims."""
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    return jwt.decode(token, KEY, algorithms=["RS256"], issuer=ISSUER, options=OPTIONS)

"""Verifying access tokens: for the authorizer, and for handlers that no authorizer stands in front of."""

from __future__ import annotations

import os

from adapters.tokens.keys import Fetch, KeySource
from adapters.tokens.verifier import Verifier
from handlers.wiring import made, stale_after_restore


@made
def verifier() -> Verifier:
    """Return the verifier of this deployment's tokens; it keeps the keys that it has fetched."""
    algorithms = tuple(os.environ["TOKEN_ALGORITHMS"].split(","))
    fetch = Fetch(allow_http=os.environ["STAGE"] == "local")
    keys = KeySource(os.environ["JWKS_URL"], algorithms, fetch=fetch)
    stale_after_restore(keys.forget)
    return Verifier(
        issuer=os.environ["TOKEN_ISSUER"],
        client_ids=frozenset(os.environ["TOKEN_CLIENT_IDS"].split(",")),
        algorithms=algorithms,
        keys=keys,
    )

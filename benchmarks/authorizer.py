"""The authorizer, as `make bench` holds it: its keys come from an issuer on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt

from benchmarks import packages
from benchmarks.contest import Contest, Contestant
from benchmarks.endpoints import keys
from benchmarks.get_item import OURS
from local.state import ROOT
from tests.signing import CLIENT_ID, ISSUER, claims, jwk, key_set, private_key, token

TITLE, PEER, DECODE = "Authorizer", "PyJWT", "PyJWT's decode alone"
EVENT = ROOT / "events" / "authorizer" / "http-api.json"


def asks(authorization: str | None) -> Any:
    """Return what the gateway asks about a request with that header."""
    event = json.loads(EVENT.read_text())
    del event["headers"]["authorization"]
    event["identitySource"] = [authorization]
    return event | {"headers": event["headers"] | ({"authorization": authorization} if authorization else {})}


def others() -> dict[str, Any]:
    """Return what must be refused."""
    forged = jwt.encode(claims(), private_key("forger"), "RS256", {"kid": "one"})
    tokens = {
        "expired": token(iat=1_700_000_000, exp=1_700_003_600),
        "another client's": token(client_id="another"),
        "another issuer's": token(iss="https://another"),
        "of another use": token(token_use="id"),  # noqa: S106 - no password
        "forged": forged,
        "of an unknown key": token("two"),
        "no token": "kettle",
    }
    return {name: asks(f"Bearer {one}") for name, one in tokens.items()} | {"nothing": asks(None)}


@contextmanager
def authorizer() -> Iterator[Contest]:
    """Ours, and one with PyJWT and its client of key sets; for scale, PyJWT's decode with the key at hand."""
    here, theirs = packages.contestants(), packages.peer("pyjwt")
    decode = {"TOKEN_KEY": json.dumps(jwk())}
    contestants = {
        OURS: Contestant("handlers.authorizer.handler", [packages.ours("Authorizer")]),
        PEER: Contestant("authorizer_pyjwt.handler", [here, theirs]),
        DECODE: Contestant("authorizer_decode.handler", [here, theirs], decode, whole=False),
    }
    with keys(key_set(jwk())) as url:
        environment = {
            "JWKS_URL": url,
            "TOKEN_ISSUER": ISSUER,
            "TOKEN_CLIENT_IDS": CLIENT_ID,
            "TOKEN_ALGORITHMS": "RS256",
        }
        yield Contest(TITLE, contestants, asks(f"Bearer {token()}"), environment, others())

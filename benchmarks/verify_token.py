"""How much our verifier adds to a bare PyJWT decode of the same token: the ratio of two medians of one run.

PYTHONPATH=src:. .venv/bin/python benchmarks/verify_token.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jwt

from adapters.tokens.keys import KeySource
from adapters.tokens.verifier import Verifier
from benchmarks.turns import arguments
from tests.signing import CLIENT_ID, ISSUER, jwk, key_set, private_key, token

CALLS = 100


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds that one of CALLS calls takes."""
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS


def main() -> None:
    """Measure both in turn, so that the machine's moods meet both, and print medians and ratio."""
    asked = arguments(__doc__ or "", rounds=41).parse_args()
    document, signed, public = key_set(jwk()), token(), private_key().public_key()
    verifier = Verifier(ISSUER, {CLIENT_ID}, ["RS256"], KeySource("https://keys", ["RS256"], fetch=lambda _: document))

    def ours() -> object:
        return verifier.verify(signed)

    def bare() -> object:
        return jwt.decode(signed, public, algorithms=["RS256"], issuer=ISSUER, options={"verify_aud": False})

    seconds(ours), seconds(bare)
    rounds = [(seconds(ours), seconds(bare)) for _ in range(asked.rounds)]
    mine, theirs = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
    print(f"ours {mine:.0f} µs, bare PyJWT {theirs:.0f} µs, ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()

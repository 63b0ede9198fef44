"""The final word on "did this request happen already": a key in the transaction of what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from domain.errors import KeyReused

RETENTION = timedelta(hours=24)
"""How long a key is remembered (docs: Stripe and the IETF draft's implementers keep 24 h)."""


@dataclass(frozen=True)
class Key:
    """An Idempotency-Key as it counts: per caller and operation, with what was asked.

    `scope` is unique per caller, operation and key; `fingerprint` is a digest of the canonical request.
    """

    scope: str
    fingerprint: str


@dataclass(frozen=True)
class Claim:
    """What the store remembers of a key: the request's fingerprint and the id of what it made."""

    fingerprint: str
    resource: str

    def resource_for(self, key: Key) -> str:
        """Return the id of what the first request made; raise KeyReused when this is another request."""
        if self.fingerprint != key.fingerprint:
            raise KeyReused("this Idempotency-Key was used for another request; send a new key")
        return self.resource

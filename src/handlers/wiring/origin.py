"""What the edge sends."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.origin_secret import OriginSecret
from handlers.wiring import made


@made
def origin_secret() -> OriginSecret:
    """Return the secret, which is read soon or not at all: calls wait for it."""
    return OriginSecret(client("secretsmanager", read=1.0), os.environ["ORIGIN_SECRET_ID"])

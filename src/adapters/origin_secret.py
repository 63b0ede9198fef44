"""What the edge sends with each call that it passes on: a secret of which two values are good at once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.aws import available

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LIFE = 60.0
"""Seconds for which values are good; then they are read again."""

logger = logging.getLogger(__name__)


class OriginSecret:
    """The values of a secret in Secrets Manager, a JSON object of `newest` and `previous`."""

    def __init__(
        self, client: SecretsManagerClient, arn: str, clock: Callable[[], float] = time.monotonic, life: float = LIFE
    ) -> None:
        self._client, self._arn, self._clock, self._life = client, arn, clock, life
        self._values: tuple[bytes, ...] = ()
        self._until = float("-inf")

    def values(self) -> tuple[bytes, ...]:
        """Return what is good now. What was read before stays good while it cannot be read again.

        Raises Unavailable when it was never read.
        """
        if self._clock() < self._until:
            return self._values
        try:
            self._values = self._read()
        except Exception:
            if not self._values:
                raise
            logger.warning("the origin's secret was not read again", exc_info=True)
        self._until = self._clock() + self._life
        return self._values

    def _read(self) -> tuple[bytes, ...]:
        with available():
            found = json.loads(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
        return tuple(value.encode() for value in (found["newest"], found.get("previous")) if value)

"""Where a PostgreSQL server is and how to sign in, as Secrets Manager keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adapters.aws import available
from adapters.postgres.database import Server

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PENDING = "AWSPENDING"


class ServerSecret:
    """One secret, whose versions are the credentials of a role (User Guide, "JSON structure of secrets").

    `proxy` is the host of a proxy in front of the server, to connect to instead.
    """

    def __init__(self, client: SecretsManagerClient, arn: str, proxy: str | None = None) -> None:
        self._client = client
        self._arn = arn
        self._proxy = proxy

    def current(self) -> Server:
        """Return where the server is, and the credentials of now."""
        return self._server(self._current())

    def login(self) -> tuple[str, str]:
        """Return username and password alone; whoever owns a server may keep them without its address."""
        found = self._current()
        return found["username"], found["password"]

    def pending(self) -> Server | None:
        """Return what the newest rotation has made current, or is about to."""
        try:
            with available():
                found = self._client.get_secret_value(SecretId=self._arn, VersionStage=PENDING)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return self._server(json.loads(found["SecretString"]))

    def _current(self) -> dict[str, Any]:
        with available():
            found: dict[str, Any] = json.loads(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
        return found

    def _server(self, found: Mapping[str, Any]) -> Server:
        return Server(self._proxy or found["host"], int(found["port"]), found["username"], found["password"])

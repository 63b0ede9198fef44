"""Where a PostgreSQL server is and how to sign in, as Secrets Manager keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adapters.aws import available
from adapters.postgres.database import Server

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


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
        return self.server(self._current())

    def login(self, at: Server) -> Server:
        """Return username and password alone, at a server: whoever owns one may keep them without its address."""
        return _signed_in(at, self._current())

    def pending_login(self, at: Server) -> Server | None:
        """Return, likewise, what a rotation under way is about to make current."""
        found = self._said(PENDING)
        return _signed_in(at, found) if found else None

    def pending(self) -> Server | None:
        """Return what a rotation under way is about to make current."""
        return self._staged(PENDING)

    def previous(self) -> Server | None:
        """Return what was current before."""
        return self._staged(PREVIOUS)

    def prepared(self, version: str) -> Server | None:
        """Return what a rotation has made as its version, unless another has begun since."""
        return self._staged(PENDING, version)

    def prepare(self, version: str, password: str) -> None:
        """Make a version that is as the current one, but for the password."""
        text = json.dumps({**self._current(), "password": password})
        with available():
            self._client.put_secret_value(
                SecretId=self._arn, ClientRequestToken=version, SecretString=text, VersionStages=[PENDING]
            )

    def is_current(self, version: str) -> bool:
        """Say whether a version is the current one."""
        return version == self._current_version()

    def make_current(self, version: str) -> None:
        """Make a version the current one. Secrets Manager itself takes away that it was pending."""
        before = self._current_version()
        with available():
            self._client.update_secret_version_stage(
                SecretId=self._arn, VersionStage=CURRENT, MoveToVersionId=version, RemoveFromVersionId=before
            )

    def _current_version(self) -> str:
        with available():
            versions = self._client.describe_secret(SecretId=self._arn)["VersionIdsToStages"]
        return next(version for version, stages in versions.items() if CURRENT in stages)

    def _current(self) -> dict[str, Any]:
        with available():
            found: dict[str, Any] = json.loads(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
        return found

    def _said(self, stage: str, version: str | None = None) -> dict[str, Any] | None:
        try:
            with available():
                found = self._client.get_secret_value(SecretId=self._arn, VersionStage=stage)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        said: dict[str, Any] = json.loads(found["SecretString"])
        return said if version in (None, found["VersionId"]) else None

    def _staged(self, stage: str, version: str | None = None) -> Server | None:
        found = self._said(stage, version)
        return self.server(found) if found else None

    def server(self, found: Mapping[str, Any]) -> Server:
        """Return where the server is, and the credentials, as the JSON of a version says."""
        return Server(self._proxy or found["host"], int(found["port"]), found["username"], found["password"])


def _signed_in(at: Server, found: Mapping[str, str]) -> Server:
    return replace(at, username=found["username"], password=found["password"])

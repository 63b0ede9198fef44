"""A service's secret names its server; where a proxy stands in front, connections go there."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.secrets import ServerSecret
from handlers.wiring.database import database, secret_of


def client() -> Any:
    """Return a Secrets Manager that holds one secret."""
    held = {"host": "server", "port": "5432", "username": "product_service", "password": "long-enough"}
    return SimpleNamespace(
        get_secret_value=lambda **_: {"SecretString": json.dumps(held), "VersionId": "1"},
        exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
    )


@pytest.mark.parametrize(("proxy", "host"), [(None, "server"), ("", "server"), ("proxy", "proxy")])
def test_a_proxy_stands_in_for_the_server_and_for_nothing_else(proxy: str | None, host: str) -> None:
    secret = ServerSecret(client(), "arn", proxy)

    for server in (secret.current(), secret.pending()):
        assert server
        assert (server.host, server.port, server.username) == (host, 5432, "product_service")


def test_services_connect_through_the_proxy_and_who_migrates_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.wiring.database.client", lambda _: client())
    for name, value in {
        "PRODUCT_SECRET_ARN": "arn",
        "PRODUCT_PROXY_HOST": "proxy",
        "DATABASE_SSLMODE": "verify-full",
    }.items():
        monkeypatch.setenv(name, value)
    database.cache_clear()

    assert database("product").server().host == "proxy"
    assert secret_of("product").current().host == "server"

    database.cache_clear()

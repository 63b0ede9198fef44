"""The catalogue and the decision side, on PostgreSQL."""

from __future__ import annotations

import json
import os
from functools import cache

from adapters.aws import client
from adapters.postgres.database import Database
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.secrets import ServerSecret
from handlers.wiring import made, stale_after_restore


@cache
def database(name: str) -> Database:
    """Return a logical database, open as the service whose it is, through the proxy if there is one.

    A container is given the secret's text as it was when it started; it asks for another only when that is refused.
    """
    secret = secret_of(name, os.environ.get(f"{name.upper()}_PROXY_HOST"))
    sslmode = os.environ["DATABASE_SSLMODE"]
    if given := os.environ.get(f"{name.upper()}_SECRET"):
        return Database(
            name, lambda: secret.server(json.loads(given)), sslmode, lambda: secret.pending() or secret.current()
        )
    found = Database(name, secret.current, sslmode, secret.pending)
    stale_after_restore(found.close)
    return found


def databases() -> set[str]:
    """Return the names of the databases that this process is told the secrets of."""
    return {one.removesuffix("_SECRET_ARN").lower() for one in os.environ if one.endswith("_SECRET_ARN")}


def secret_of(name: str, proxy: str | None = None) -> ServerSecret:
    """Return the secret of a service, by the name of its database, or of who owns it ("product_master")."""
    return ServerSecret(client("secretsmanager"), os.environ[f"{name.upper()}_SECRET_ARN"], proxy)


@made
def decisions() -> PostgresDecisions:
    """Return the decision side."""
    return PostgresDecisions(database("inventory"))


@made
def products() -> PostgresProducts:
    """Return the catalogue."""
    return PostgresProducts(database("product"))

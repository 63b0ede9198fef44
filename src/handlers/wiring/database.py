"""The catalogue and the decision side, on PostgreSQL."""

from __future__ import annotations

import json
import os
from functools import cache

from adapters.aws import available, client
from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts


def server() -> Server:
    """Fetch where the server is, and the credentials of now."""
    with available():
        secret = client("secretsmanager").get_secret_value(SecretId=os.environ["DATABASE_SECRET_ARN"])
    found = json.loads(secret["SecretString"])
    return Server(found["host"], int(found["port"]), found["username"], found["password"])


@cache
def database(name: str) -> Database:
    """Return a logical database."""
    return Database(name, server, os.environ["DATABASE_SSLMODE"])


@cache
def decisions() -> PostgresDecisions:
    """Return the decision side."""
    return PostgresDecisions(database("inventory"))


@cache
def products() -> PostgresProducts:
    """Return the catalogue."""
    return PostgresProducts(database("product"))

"""Profiles, where the deployment keeps them; of the two stores only that one is imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from handlers.wiring import made

if TYPE_CHECKING:
    from domain.identity.users import Users

if os.environ["USER_STORE"] == "postgres":
    from adapters.postgres.users import PostgresUsers
    from handlers.wiring.database import database

    @made
    def users() -> Users:
        """Return the profiles' store."""
        return PostgresUsers(database("user"))

else:
    from adapters.aws import client
    from adapters.dynamodb.users import DynamoUsers

    @made
    def users() -> Users:
        """Return the profiles' store."""
        return DynamoUsers(client("dynamodb"), os.environ["USERS_TABLE"])

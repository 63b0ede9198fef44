"""Accounts and profiles."""

from __future__ import annotations

import os
from functools import cache

from adapters.aws import client
from adapters.cognito import CognitoAccounts
from adapters.dynamodb.users import DynamoUsers


@cache
def accounts() -> CognitoAccounts:
    """Return the sign-in service."""
    return CognitoAccounts(client("cognito-idp"), os.environ["USER_POOL_CLIENT_ID"])


@cache
def users() -> DynamoUsers:
    """Return the profiles' store."""
    return DynamoUsers(client("dynamodb"), os.environ["USERS_TABLE"])

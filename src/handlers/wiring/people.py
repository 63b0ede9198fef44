"""Sign-in accounts."""

from __future__ import annotations

import os

from adapters.aws import client
from adapters.cognito.accounts import CognitoAccounts
from adapters.cognito.directory import CognitoDirectory
from handlers.wiring import made


@made
def accounts() -> CognitoAccounts:
    """Return the sign-in service."""
    return CognitoAccounts(client("cognito-idp"), os.environ["USER_POOL_CLIENT_ID"])


@made
def directory() -> CognitoDirectory:
    """Return the part of the sign-in service that needs a role."""
    return CognitoDirectory(client("cognito-idp"), os.environ["USER_POOL_ID"], os.environ["USER_POOL_CLIENT_ID"])

"""Accounts in the emulated Cognito, and the tokens of those who have signed in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from local.state import LocalError, SignIn, StackInfo

T = TypeVar("T")


class Accounts:
    """Signs people in, `at_once` at a time; the new ones share one random password for as long as this lives."""

    def __init__(self, info: StackInfo, at_once: int) -> None:
        self.tokens: dict[str, str] = {}
        self._cognito: Any = info.client("cognito-idp")
        self._pool = info.outputs["UserPoolId"]
        self._app = info.outputs["UserPoolClientId"]
        self._password = f"Aa1-{secrets.token_urlsafe(18)}"
        self._known: dict[str, SignIn] = {}
        self._renewing: dict[str, asyncio.Lock] = {}
        self._threads = ThreadPoolExecutor(at_once, "accounts")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._cognito.close()

    async def open(self, username: str) -> None:
        """Sign somebody in under this name, with a new account unless there is one. Raises LocalError."""
        await self._call(lambda: self._create(username))
        await self.sign_in(username, SignIn(username, self._password))

    async def sign_in(self, name: str, sign_in: SignIn) -> None:
        """Keep a token under `name`. Raises LocalError."""
        self._known[name] = sign_in
        self.tokens[name] = await self._call(lambda: self._token(sign_in))

    async def renew(self, name: str, refused: str) -> None:
        """Replace a token that was refused, unless somebody has done so meanwhile. Raises LocalError."""
        async with self._renewing.setdefault(name, asyncio.Lock()):
            if self.tokens[name] == refused:
                await self.sign_in(name, self._known[name])

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (BotoCoreError, ClientError) as error:
            raise LocalError(f"the emulated Cognito refuses: {error}") from error

    def _create(self, username: str) -> None:
        email = f"{username}@example.com"
        with suppress(self._cognito.exceptions.UsernameExistsException):  # from an earlier replay
            self._cognito.admin_create_user(
                UserPoolId=self._pool,
                Username=username,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            )
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=username, Password=self._password, Permanent=True
        )

    def _token(self, sign_in: SignIn) -> str:
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool,
            ClientId=self._app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": sign_in.username, "PASSWORD": sign_in.password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

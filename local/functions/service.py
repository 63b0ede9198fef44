"""Functions as Lambda runs them: `Functions` -> `Pool` for each -> `Worker` for each concurrent invocation."""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import secrets
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.functions.pool import Pool, Shared, Stopped, Surroundings
from local.functions.runtime import Call
from local.functions.worker import LogSink
from local.model import Function, Invocation

__all__ = ["Credentials", "Functions", "LogSink", "RequestTooLarge", "Stopped", "UnknownFunction"]

REQUEST_LIMIT = 6 * 1024 * 1024
"""Bytes of an event; AWS page "Lambda quotas"."""


class UnknownFunction(KeyError):
    """No function of this name is deployed."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        super().__init__(f"no function {name!r}; {hint}known: {', '.join(sorted(known)) or 'none'}")

    def __str__(self) -> str:
        return str(self.args[0])


class RequestTooLarge(ValueError):
    """The event is larger than REQUEST_LIMIT; Lambda answers 413."""


@dataclass(frozen=True)
class Credentials:
    """A role's temporary credentials; `expires_at` in epoch seconds."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: float


class Functions:
    """Runs functions in processes of their own, one invocation at a time in each, as Lambda does.

    `credentials` is asked for a function's role when a worker starts; `environment` is added to every
    function's own; `limit` is the most workers of one function, and `idle_seconds` how long one is kept
    without work; `log` gets each line that a function writes and Lambda's START, END and REPORT lines.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        credentials: Callable[[Function], Awaitable[Credentials]],
        environment: Mapping[str, str],
        region: str,
        log: LogSink,
        limit: int = 8,
        idle_seconds: float = 300.0,
        account: str = "000000000000",
    ) -> None:
        shared = Shared(log, limit, idle_seconds)
        self._pools: dict[str, Pool] = {}
        for name, function in functions.items():
            surroundings = _Surroundings(function, credentials, environment, region)
            arn = f"arn:aws:lambda:{region}:{account}:function:{function.name}"
            self._pools[name] = Pool(function, arn, surroundings, shared)

    async def invoke(self, name: str, event: Any) -> Invocation:
        """Run function `name` with `event`, waiting for a free worker; a `local.model.Invoke`.

        It runs to its end even if the caller is cancelled. Raises UnknownFunction,
        RequestTooLarge, Stopped, TypeError for an event that is not JSON, and what `credentials` raises.
        """
        if name not in self._pools:
            raise UnknownFunction(name, self._pools)
        answer: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_hear)
        self._pools[name].submit(Call(str(uuid.uuid4()), _to_json(event), answer))
        return await asyncio.shield(answer)

    def warm(self, names: Collection[str]) -> None:
        """Start a worker of each of these functions, so that their first callers need not wait for one."""
        for name in names:
            self._pools[name].warm()

    def rest(self, keep: Collection[str]) -> None:
        """Let idle workers go, but for those of the functions to keep."""
        for name in self._pools.keys() - set(keep):
            self._pools[name].rest()

    def status(self) -> dict[str, dict[str, Any]]:
        """Return for each function its workers, busy, waiting, invocations, errors, timeouts and pids.

        `errors` counts every invocation that failed, timeouts too, as the CloudWatch metric does.
        """
        return {name: pool.status() for name, pool in self._pools.items()}

    async def stop(self) -> None:
        """End every process within 2 s; invocations under way are answered as failed."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))


def _hear(answer: asyncio.Future[Invocation]) -> None:
    """Take note of an error whose caller has gone, about which asyncio would complain."""
    if not answer.cancelled():
        answer.exception()


def _to_json(event: Any) -> bytes:
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise TypeError(f"the event is not JSON: {error}") from error
    body = text.encode(errors="backslashreplace")  # half a surrogate pair becomes its JSON escape
    if len(body) > REQUEST_LIMIT:
        raise RequestTooLarge(f"Request must be smaller than {REQUEST_LIMIT} bytes for the InvokeFunction operation")
    return body


class _Surroundings:
    """What a function's workers start with. Its role's credentials are fetched anew when they near their end."""

    def __init__(
        self,
        function: Function,
        fetch: Callable[[Function], Awaitable[Credentials]],
        added: Mapping[str, str],
        region: str,
    ) -> None:
        self._function, self._fetch, self._added, self._region = function, fetch, added, region
        self._reserve = 60 + function.timeout  # seconds that an invocation needs credentials for, at least
        self._cached: Credentials | None = None
        self._lock = asyncio.Lock()

    async def __call__(self) -> Surroundings:
        role = await self._credentials()
        environment = {
            **_defaults(self._function),
            **self._function.environment,
            **self._added,
            **_reserved(self._function, self._region),
            "AWS_ACCESS_KEY_ID": role.access_key_id,
            "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
            "AWS_SESSION_TOKEN": role.session_token,
        }
        return Surroundings(environment, role.expires_at - self._reserve)

    async def _credentials(self) -> Credentials:
        async with self._lock:
            if not self._cached or self._cached.expires_at < time.time() + max(300, self._reserve):
                self._cached = await self._fetch(self._function)
            return self._cached


def _defaults(function: Function) -> dict[str, str]:
    """Return what a function may change; AWS page "Working with Lambda environment variables"."""
    return {
        "LANG": "en_US.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": os.fspath(function.code),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        # There is no home directory on Lambda: the ~/.aws of this machine must not be read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _reserved(function: Function, region: str) -> dict[str, str]:
    """Return what is Lambda's alone to set; the same page."""
    return {
        "_HANDLER": function.handler,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": function.log_level} if function.log_level else {}),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}",
        "AWS_REGION": region,
        "LAMBDA_TASK_ROOT": os.fspath(function.code),
    }

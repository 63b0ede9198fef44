"""Lambda authorizers of an HTTP API: REQUEST, payload format 2.0, simple responses, cached.

Source: AWS's "Control access to HTTP APIs with AWS Lambda authorizers".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.http_answer import RefusalError
from local.http_event import authorizer_event
from local.model import Authorizer, Invoke

_ROOM = 1000

_Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Verdict:
    allowed: bool
    context: Mapping[str, Any] = field(default_factory=dict)


class Authorizers:
    """Asks authorizer functions, and remembers for each what it said of whom.

    A verdict, yes or no, holds for the authorizer's `ttl` seconds on all its routes; the last 1,000 are kept.
    Callers with the same identity who come while it is being asked share one invocation. Errors are never kept.
    """

    def __init__(self, invoke: Invoke, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._invoke = invoke
        self._clock = clock
        self._kept: dict[_Key, tuple[float, _Verdict]] = {}
        self._asking: dict[_Key, asyncio.Task[_Verdict]] = {}

    async def admit(self, authorizer: Authorizer, event: Mapping[str, Any], route_arn: str) -> Mapping[str, Any]:
        """Return the context that the authorizer gives for the request of `event`.

        Raises RefusalError: 401 without asking when an identity header is missing or empty, 403 when it says no,
        500 when it fails or its answer has no boolean `isAuthorized`.
        """
        headers = event["headers"]
        identity = tuple(headers.get(name.lower(), "") for name in authorizer.identity_headers)
        if not all(identity):
            raise RefusalError(401)
        verdict = await self._verdict(authorizer, identity, authorizer_event(event, route_arn, identity))
        if not verdict.allowed:
            raise RefusalError(403)
        return verdict.context

    async def close(self) -> None:
        """Give up the invocations under way."""
        for task in (tasks := list(self._asking.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _verdict(self, authorizer: Authorizer, identity: tuple[str, ...], event: Any) -> _Verdict:
        if authorizer.ttl <= 0 or not identity:
            return await self._ask(authorizer, event)
        key = (authorizer.name, identity)
        until, verdict = self._kept.get(key, (0.0, None))
        if verdict and until > self._clock():
            return verdict
        return await asyncio.shield(self._asking.get(key) or self._start(key, authorizer, event))

    def _start(self, key: _Key, authorizer: Authorizer, event: Any) -> asyncio.Task[_Verdict]:
        task = asyncio.create_task(self._ask_and_keep(key, authorizer, event))
        self._asking[key] = task
        task.add_done_callback(lambda _: self._asking.pop(key, None))
        return task

    async def _ask_and_keep(self, key: _Key, authorizer: Authorizer, event: Any) -> _Verdict:
        verdict = await self._ask(authorizer, event)
        self._kept.pop(key, None)
        if len(self._kept) >= _ROOM:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock() + authorizer.ttl, verdict)
        return verdict

    async def _ask(self, authorizer: Authorizer, event: Any) -> _Verdict:
        invocation = await self._invoke(authorizer.function, event)
        if invocation.error:
            raise RefusalError(500, f"authorizer {authorizer.name} failed: {invocation.payload[:500]!r}")
        return _simple_response(authorizer, invocation.json())


def _simple_response(authorizer: Authorizer, answer: Any) -> _Verdict:
    if isinstance(answer, dict) and isinstance(answer.get("isAuthorized"), bool):
        context = answer.get("context") or {}
        if isinstance(context, dict):
            return _Verdict(answer["isAuthorized"], context)
    raise RefusalError(500, f"authorizer {authorizer.name} did not answer {{isAuthorized: …}} but {answer!r}")

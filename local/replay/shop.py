"""The stack's HTTP API as a patient client uses it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp

from local.replay.accounts import Accounts
from local.state import LocalError

ATTEMPTS = 32
"""More than a minute: a worker that died in the middle holds the key until the function's timeout, 28 s."""
LONGEST_PAUSE = 5.0
TIMEOUT = aiohttp.ClientTimeout(total=40)
"""Beyond the 30 s after which API Gateway answers 503."""
IN_FLIGHT = "urn:tradepost:problem:request-in-flight"
DENIED = {"message": "Forbidden"}
"""What API Gateway answers when the authorizer denies, as it does once a token has expired."""


class Answer(NamedTuple):
    """What a request came to: status (0 when there was no answer), JSON body, seconds of the attempt answered."""

    status: int
    body: Any
    seconds: float


@dataclass
class Shop:
    """Posts as somebody who has signed in with `accounts`.

    What the server fails at, by a 5xx, a timeout or a lost connection, is counted in `server_errors` and
    sent again under the same key, after a pause of capped full jitter; so is what it asks to send later.
    `retries` counts all that was sent again.
    """

    url: str
    http: aiohttp.ClientSession
    accounts: Accounts
    server_errors: int = 0
    retries: int = 0

    async def post(self, path: str, body: Mapping[str, Any], *, who: str, key: str) -> Answer:
        """Return the answer, the last one when none of ATTEMPTS was final. Raises LocalError when nobody listens."""
        for attempt in range(ATTEMPTS):
            self.retries += attempt > 0
            token = self.accounts.tokens[who]
            answer = await self._attempt(path, body, {"Authorization": f"Bearer {token}", "Idempotency-Key": key})
            self.server_errors += _failed(answer)
            if _wants_sign_in(answer):
                await self.accounts.renew(who, token)
            elif not _may_change(answer):
                break
            else:
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.2 * 2**attempt)))  # noqa: S311 - jitter
        if not answer.status:
            raise LocalError(f"the stack does not answer any more: POST {path}: {answer.body['detail']}")
        return answer

    async def _attempt(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        began = time.monotonic()
        try:
            async with self.http.post(f"{self.url}{path}", json=body, headers=headers, timeout=TIMEOUT) as response:
                text = await response.text()
                seconds = time.monotonic() - began
                content = await response.json(content_type=None) if text else None
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(0, {"detail": repr(error)}, time.monotonic() - began)
        except ValueError:
            content = {"detail": text}
        return Answer(response.status, content, seconds)


def _failed(answer: Answer) -> bool:
    return not answer.status or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _may_change(answer: Answer) -> bool:
    """Say whether the same request may be answered otherwise in a moment."""
    busy = isinstance(answer.body, dict) and answer.body.get("type") == IN_FLIGHT
    return _failed(answer) or busy or answer.status == HTTPStatus.TOO_MANY_REQUESTS


def _wants_sign_in(answer: Answer) -> bool:
    return answer.status == HTTPStatus.UNAUTHORIZED or (answer.status == HTTPStatus.FORBIDDEN and answer.body == DENIED)

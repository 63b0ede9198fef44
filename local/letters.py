"""The dead letters of a running stack, through its API as an admin."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from local import asking
from local.state import LocalError, StackInfo

MOST = 100
"""Letters that one call moves, and shows."""


class Died(StrEnum):
    """Where messages died."""

    ORDERS = "orders"
    SHIPPING = "shipping"
    PROJECTION = "projection"


RESOURCES = {
    Died.ORDERS: "OrdersDeadLetters",
    Died.SHIPPING: "ShippingDeadLetters",
    Died.PROJECTION: "ProjectionFailures",
}
"""The template's names of the queues that keep letters."""


class NotThere(LocalError):
    """What was asked for is not there."""


@dataclass
class Moved:
    """What has become of letters so far: `done` of `total`, `rejected` orders, and ids that did not move."""

    total: int
    done: int = 0
    rejected: int = 0
    refused: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def add(self, answer: Mapping[str, Any], done: str) -> None:
        """Count what one call has done."""
        self.done += answer[done]
        self.rejected += answer.get("rejected", 0)
        self.refused.update(answer.get("refused", ()))
        self.missing.update(answer["missing"])
        self.kept.update(answer["kept"])


class Letters:
    """The letters, for one command."""

    def __init__(self, info: StackInfo) -> None:
        self._info = info
        self._token = asking.token(info, info.users["admin"])

    def count(self, queue: Died) -> int:
        """Return how many letters of a queue there are now."""
        return int(asking.status(self._info)["dead_letters"][RESOURCES[queue]])

    def listed(self, queue: Died, limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` letters of a queue."""
        found: list[dict[str, Any]] = self._ask("GET", f"{queue}?limit={limit}")["dead_letters"]
        return found

    def found(self, letter_id: str) -> dict[str, Any]:
        """Return a letter, in whichever queue it is. Raises NotThere."""
        for queue in Died:
            try:
                found: dict[str, Any] = self._ask("GET", f"{queue}/{quote(letter_id, safe='')}")
            except NotThere:
                continue
            return found
        raise NotThere(f"there is no dead letter {letter_id} now")

    def redrive(self, queue: Died, ids: Sequence[str], rate: float) -> Iterator[Moved]:
        """Send letters back, those named or all that are there now, at most `rate` a second; tell after each call."""
        size = min(MOST, max(1, int(rate)))
        return self._move(f"{queue}/redrive", "redriven", ids, len(ids) or self.count(queue), size, {}, size / rate)

    def purge(self, queue: Died, ids: Sequence[str]) -> Iterator[Moved]:
        """Give letters up, those named or all that are there now; tell after each call."""
        return self._move(f"{queue}/purge", "purged", ids, len(ids) or self.count(queue), MOST, {"all": True}, 0)

    def _move(
        self, path: str, done: str, ids: Sequence[str], total: int, size: int, any_: Mapping[str, Any], seconds: float
    ) -> Iterator[Moved]:
        """Move `size` letters at a time, a call each so many seconds; no more than `total`."""
        moved = Moved(total)
        for start in range(0, total, size):
            if start:
                time.sleep(seconds)
            left = min(size, total - start)
            answer = self._ask(
                "POST", path, {"ids": list(ids[start : start + size])} if ids else {**any_, "limit": left}
            )
            moved.add(answer, done)
            yield moved
            if not (ids or answer[done]):
                return

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return an answer's JSON; the token is renewed when it has ended. Raises NotThere, LocalError."""
        for _ in range(2):
            try:
                return self._once(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.UNAUTHORIZED:
                    raise _problem(error) from error
                self._token = asking.token(self._info, self._info.users["admin"])
            except OSError as error:
                raise LocalError(f"{self._info.url} does not answer: {error}") from error
        raise LocalError("the admin of the stack is not let in")

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            f"{self._info.url}/dead-letters/{path}", data, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=asking.SECONDS) as answer:  # noqa: S310 - as above
            return json.load(answer)


def _problem(error: urllib.error.HTTPError) -> LocalError:
    try:
        said = json.load(error)
        words = "; ".join([said["detail"], *(f"{one['field']} {one['message']}" for one in said.get("errors", ()))])
    except (ValueError, KeyError, TypeError):
        words = f"the API answered {error.code}"
    return NotThere(words) if error.code == HTTPStatus.NOT_FOUND else LocalError(words)

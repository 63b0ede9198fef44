"""The wire to AWS: calls that break off, are refused or are counted, and what others do while one is under way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

Go = Callable[[], Any]


@contextmanager
def broken(operation: str, *, answer_only: bool = False) -> Iterator[None]:
    """Break every call of an AWS operation off: before it arrives, or so that only its answer is lost."""

    def break_off(go: Go) -> Any:
        if answer_only:
            go()
        raise ConnectionClosedError(endpoint_url=operation)

    with _met(operation, break_off):
        yield


@contextmanager
def refused(operation: str, error: str) -> Iterator[None]:
    """Answer every call of an AWS operation with an error, as a service that speaks JSON does."""

    def refuse(_: Go) -> Any:
        body = HTTPResponse(BytesIO(json.dumps({"__type": error}).encode()), preload_content=False)
        return AWSResponse(operation, 400, {"content-type": "application/x-amz-json-1.0"}, body)

    with _met(operation, refuse):
        yield


@contextmanager
def meanwhile(operation: str, others: Callable[[], object]) -> Iterator[None]:
    """Let others act once, right after the first call of an AWS operation has arrived."""
    waiting = [others]

    def act(go: Go) -> Any:
        answer = go()
        if waiting:
            waiting.pop()()
        return answer

    with _met(operation, act):
        yield
    assert not waiting, f"nothing called {operation}"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count every request by its operation, repeated ones too; what is yielded is filled at the end."""
    send, asked, found = URLLib3Session.send, list[str](), Counter[str]()

    def on_the_way(session: URLLib3Session, request: Any) -> Any:
        asked.append(_operation(request))
        return send(session, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", on_the_way)
        yield found
    found.update(asked)


@contextmanager
def _met(operation: str, meet: Callable[[Go], Any]) -> Iterator[None]:
    send = URLLib3Session.send

    def on_the_way(session: URLLib3Session, request: Any) -> Any:
        met = _operation(request) == operation
        return meet(lambda: send(session, request)) if met else send(session, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", on_the_way)
        yield


def _operation(request: Any) -> str:
    """Return the operation that a request of a service which speaks JSON asks for."""
    return request.headers.get("X-Amz-Target", b"").decode().rpartition(".")[2]

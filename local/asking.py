"""Asking a running stack: its status, a token, an invocation. What cannot be had is a LocalError."""

from __future__ import annotations

import difflib
import json
import time
import urllib.error
import urllib.request
from typing import Any

from local.model import Invocation
from local.state import LocalError, SignIn, StackInfo

SECONDS = 30


def status(info: StackInfo) -> dict[str, Any]:
    """Return what is under way."""
    found: dict[str, Any] = _ask(urllib.request.Request(f"{info.lambda_url}/status"))  # noqa: S310 - loopback
    return found


def token(info: StackInfo, sign_in: SignIn) -> str:
    """Return a fresh bearer token."""
    body = json.dumps({"username": sign_in.username, "password": sign_in.password}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{info.url}/user/login", body, headers)  # noqa: S310 - loopback
    return str(_ask(request)["access_token"])


def rests(info: StackInfo, seconds: float) -> bool:
    """Wait until nothing is under way, for at most so many seconds; say whether it came to that."""
    deadline = time.monotonic() + seconds
    while not status(info)["settled"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def invoke(info: StackInfo, function: str, event: bytes) -> Invocation:
    """Invoke a function with a JSON event and wait for its answer."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - `tradepost url` needs no boto3

    try:
        answer = info.client("lambda").invoke(FunctionName=function, Payload=event)
        return Invocation(answer["Payload"].read(), answer.get("FunctionError"))
    except ClientError as error:
        check_known(info, function)
        raise LocalError(error.response["Error"]["Message"]) from error
    except BotoCoreError as error:
        raise LocalError(f"{function} could not be invoked: {error}") from error


def check_known(info: StackInfo, function: str) -> None:
    """Raise LocalError naming what is near when there is no such function."""
    known = status(info)["functions"]
    if function not in known:
        near = difflib.get_close_matches(function, known) or sorted(known)
        raise LocalError(f"there is no function {function}; there is {', '.join(near)}")


def _ask(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the stack's own address
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LocalError(
            f"{request.full_url} answered {error.code}: {error.read().decode(errors='replace')}"
        ) from error
    except OSError as error:
        raise LocalError(f"{request.full_url} does not answer: {error}") from error

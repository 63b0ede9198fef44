"""A contest: who answers the same event with the same answer, and what each turn of theirs cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.turns import take_turns

CHILD = Path(__file__).with_name("child.py")
PATIENCE = 120
"""Seconds within which a contestant must have had its turn."""
VARIABLES = {
    "REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_SESSION_TOKEN": "nowhere",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "POWERTOOLS_SERVICE_NAME": "tradepost",
    "POWERTOOLS_METRICS_NAMESPACE": "Tradepost",
    "TOKENS_VERIFIED_BY": "gateway",
    "STAGE": "local",
}
"""What Lambda and the template give to each function."""

Turn = Mapping[str, Any]
"""What child.py prints."""


@dataclass(frozen=True)
class Contestant:
    """A handler ("module.attribute") and the folders that it is deployed as; `environment` is its own alone.

    One that is not `whole` does a part of the work, for scale: nobody compares its answer.
    """

    handler: str
    paths: Sequence[Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


def in_child(contest: Contest, one: Contestant) -> Turn:
    """Let a contestant have its turn in a fresh process. Raises RuntimeError with what that complained of."""
    said = {
        "paths": [str(path) for path in one.paths],
        "handler": one.handler,
        "environment": {**VARIABLES, **contest.environment, **one.environment},
        "event": contest.event,
        "others": contest.others if one.whole else {},
        "stub": contest.stub,
        "warm": contest.warm,
    }
    command = [sys.executable, "-I", "-S", "-B", CHILD]
    done = subprocess.run(  # noqa: S603 - one of ours
        command,
        input=json.dumps(said),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": ":UTC"},
    )
    if done.returncode:
        raise RuntimeError(f"{contest.title}, {one.handler} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    found: Turn = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Contest:
    """An event, who answers it, and what of their answers must be the same.

    `<unique>` in the event is another text in each call. `others` are more events that all must answer alike. `stub`
    names what answers for AWS (stub.py); without one, AWS is reached at AWS_ENDPOINT_URL. After the first call come
    `warm` more; `rounds` are the most that are worth their time.
    """

    title: str
    contestants: Mapping[str, Contestant]
    event: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stub: str | None = None
    warm: int = 200
    rounds: int = 1000
    alike: Callable[[Any], Any] = lambda answer: answer
    turn: Callable[[Contest, Contestant], Turn] = in_child


class Differ(Exception):
    """Two contestants answered differently: their figures would mean nothing."""


def hold(contest: Contest, rounds: int) -> Mapping[str, Sequence[Turn]]:
    """Let all take turns; return what each turn cost, by contestant. Raises Differ."""
    answered: dict[str, Any] = {}

    def turn(name: str) -> Turn:
        one = contest.contestants[name]
        found = contest.turn(contest, one)
        if not one.whole:
            return found
        said = [("", found["answer"]), ("", found.get("again", found["answer"])), *found["others"].items()]
        for event, answer in said:
            here = contest.alike(answer)
            first = answered.setdefault(event, here)
            if here != first:
                raise Differ(f"{contest.title}, {name}, {event or 'the event itself'}: {here}, not {first}")
        return found

    turns = {name: lambda name=name: turn(name) for name in contest.contestants}
    return take_turns(turns, min(rounds, contest.rounds), contest.title)


def http_answer(answer: Mapping[str, Any]) -> Any:
    """Return what of an HTTP answer callers go by: status, JSON, and the headers that say more than the body."""
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    told = {name: headers.get(name) for name in ("etag", "location", "cache-control", "x-request-id")}
    body = answer.get("body")
    return answer["statusCode"], told, headers.get("content-type") if body else None, json.loads(body) if body else None

"""What the local cloud knows of a deployed template: plain values, every reference resolved."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Function:
    """One `AWS::Lambda::Function` as deployed.

    `name` is its logical id in template.yaml ("CreateOrderFunction"), which is what people type;
    `memory` is in MB and `timeout` in seconds; `code` is the folder that Lambda would see as /var/task.
    `log_format` is "JSON" or "Text", and `log_level` what the application may log at least (JSON alone has it).
    """

    name: str
    handler: str
    environment: Mapping[str, str]
    memory: int
    timeout: float
    role_arn: str
    code: Path
    log_format: str = "Text"
    log_level: str | None = None


@dataclass(frozen=True)
class Invocation:
    """What the Lambda service answers to Invoke: `error` is the X-Amz-Function-Error header.

    None for success; "Unhandled" when the function raised, timed out or died, and then `payload` is the
    JSON object {errorMessage, errorType, ...} that Lambda would send.
    """

    payload: bytes
    error: str | None = None

    def json(self) -> Any:
        """Return the payload as Python values."""
        return json.loads(self.payload or b"null")


Invoke = Callable[[str, Any], Awaitable[Invocation]]
"""Invoke a function by its name with a JSON-serialisable event, waiting for its answer."""


@dataclass(frozen=True)
class QueueSource:
    """An SQS event source mapping. `window` in seconds; `concurrency` None means no MaximumConcurrency."""

    function: str
    queue_arn: str
    batch_size: int = 10
    window: float = 0
    concurrency: int | None = None
    reports_item_failures: bool = False


@dataclass(frozen=True)
class StreamSource:
    """A Kinesis event source mapping. `window` and `max_age` in seconds; `retries`/`max_age` None: for ever."""

    function: str
    stream_arn: str
    starting_position: str = "LATEST"
    batch_size: int = 100
    window: float = 0
    parallelisation: int = 1
    retries: int | None = None
    max_age: float | None = None
    bisects: bool = False
    reports_item_failures: bool = False
    on_failure_arn: str | None = None


@dataclass(frozen=True)
class Schedule:
    """An EventBridge schedule: invoke `function` asynchronously with `event` every `every` seconds.

    An invocation that fails after its `retries` is told to the queue `on_failure_arn`, if there is one.
    """

    function: str
    every: float
    event: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 2
    on_failure_arn: str | None = None


@dataclass(frozen=True)
class Authorizer:
    """A Lambda authorizer (REQUEST, payload 2.0, simple responses); `ttl` in seconds, 0 = no caching."""

    name: str
    function: str
    identity_headers: tuple[str, ...] = ("authorization",)
    ttl: float = 0


@dataclass(frozen=True)
class Route:
    """One HTTP API route: `method` "GET" ... or "ANY"; `path` "/orders/{id}" or "$default"."""

    method: str
    path: str
    function: str
    authorizer: Authorizer | None = None


@dataclass(frozen=True)
class Cors:
    """The HTTP API's CorsConfiguration; empty tuples when unset; `max_age` in seconds."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True)
class Deployment:
    """Everything the local cloud runs."""

    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    cors: Cors | None
    queues: tuple[QueueSource, ...]
    streams: tuple[StreamSource, ...]
    schedules: tuple[Schedule, ...]
    outputs: Mapping[str, str]

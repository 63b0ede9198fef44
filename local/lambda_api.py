"""The part of the Lambda service that people call: Invoke, and the state of the local stack.

`boto3.client("lambda", endpoint_url=...)` and `aws lambda invoke --endpoint-url ...` work unchanged. Signatures
are not checked, so it belongs on loopback only. Source: AWS's API reference page "Invoke".
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from local.listening import port_of, serve
from local.model import Invocation, Invoke
from local.state import LocalError

SYNC_LIMIT = 6 * 1024 * 1024
"""Bytes of a payload that is waited for ("Lambda quotas", invocation payload)."""

EVENT_LIMIT = 1024 * 1024
"""Bytes of an asynchronous payload (the same page)."""

RETRY_DELAYS = (60.0, 120.0)
"""Seconds before the second and third attempt ("How Lambda handles errors ... with asynchronous invocation")."""

_log = logging.getLogger(__name__)


class LambdaApi:
    """Invoke on one port, and `GET /status`.

    `functions` gives what is deployed by logical id, `status` what /status answers as JSON (503 when it raises
    LocalError). An Event invocation that fails is tried again after each of `retry_delays` (seconds), then
    logged and dropped.
    """

    def __init__(
        self,
        *,
        invoke: Invoke,
        functions: Callable[[], Mapping[str, Any]],
        status: Callable[[], Awaitable[Mapping[str, Any]]],
        retry_delays: Sequence[float] = RETRY_DELAYS,
        account: str = "000000000000",
        region: str = "us-east-1",
    ) -> None:
        self._invoke = invoke
        self._functions = functions
        self._status = status
        self._retry_delays = retry_delays
        self._arn = f"arn:aws:lambda:{region}:{account}:function:"
        self._events: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen on `host`:`port` (0: any free port) and return the port; raise OSError if it is taken."""
        app = web.Application(client_max_size=SYNC_LIMIT)
        app.router.add_post("/2015-03-31/functions/{name}/invocations", self._handle)
        app.router.add_get("/status", self._show_status)
        self._runner = await serve(app, host, port)
        return port_of(self._runner)

    async def stop(self) -> None:
        """Stop listening, and give up the events that are running or wait for another attempt."""
        if self._runner:
            await self._runner.cleanup()
        for task in (tasks := list(self._events)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _show_status(self, _: web.Request) -> web.Response:
        try:
            status = await self._status()
        except LocalError as error:
            return web.json_response({"Message": str(error)}, status=503)
        return web.json_response(status, dumps=lambda value: json.dumps(value, default=str))

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            response = await self._answer(request)
        except _ServiceError as error:
            response = error.response()
        response.headers["x-amzn-requestid"] = str(uuid.uuid4())
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        function = self._known(request.match_info["name"])
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        event = _parse(await _read(request, EVENT_LIMIT if kind == "Event" else SYNC_LIMIT))
        if kind == "RequestResponse":
            return _answered(await self._invoke_now(function, event))
        if kind == "Event":
            self._start(function, event)
            return web.Response(status=202)
        if kind == "DryRun":
            return web.Response(status=204)
        raise _ServiceError(400, "InvalidParameterValueException", f"{kind} is no invocation type")

    def _known(self, reference: str) -> str:
        """Return the logical id that a name, `name:qualifier` or ARN stands for."""
        name = reference.rpartition("function:")[2].partition(":")[0]
        if name not in self._functions():
            raise _ServiceError(404, "ResourceNotFoundException", f"Function not found: {self._arn}{name}")
        return name

    async def _invoke_now(self, function: str, event: Any) -> Invocation:
        try:
            return await self._invoke(function, event)
        except Exception as error:
            _log.exception("invoking %s", function)
            raise _ServiceError(500, "ServiceException", f"{type(error).__name__}: {error}") from error

    def _start(self, function: str, event: Any) -> None:
        task = asyncio.create_task(self._deliver(function, event))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def _deliver(self, function: str, event: Any) -> None:
        for delay in (*self._retry_delays, None):
            try:
                error = (await self._invoke(function, event)).error
            except Exception as failure:  # noqa: BLE001 - an event that cannot be delivered is tried again like one that fails
                error = f"{type(failure).__name__}: {failure}"
            if error is None:
                return
            if delay is not None:
                await asyncio.sleep(delay)
        _log.warning("gave up an event for %s: %s", function, error)


class _ServiceError(Exception):
    """The Lambda service refuses a call."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self) -> web.Response:
        kind = "User" if self.status < 500 else "Service"  # noqa: PLR2004 - 5xx is the service's fault
        return web.json_response(
            {"Type": kind, "Message": str(self)},
            status=self.status,
            headers={"x-amzn-errortype": f"{self.code}:http://internal.amazon.com/coral/com.amazonaws.awslambda/"},
        )


async def _read(request: web.Request, limit: int) -> bytes:
    too_large = _ServiceError(
        413,
        "RequestTooLargeException",
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
    )
    if (request.content_length or 0) > limit:
        raise too_large
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    if len(body) > limit:
        raise too_large
    return body


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload or b"{}")
    except (ValueError, RecursionError) as error:
        message = f"Could not parse request body into json: {error}"
        raise _ServiceError(400, "InvalidRequestContentException", message) from error


def _answered(invocation: Invocation) -> web.Response:
    headers = {"x-amz-executed-version": "$LATEST"}
    if invocation.error:
        headers["x-amz-function-error"] = invocation.error
    return web.Response(body=invocation.payload, headers=headers, content_type="application/json")

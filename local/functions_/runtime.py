"""The Lambda Runtime API as one worker sees it, and how Lambda words what goes wrong.

Source: AWS page "Using the Lambda runtime API for custom runtimes"; the client is awslambdaric.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import time
from dataclasses import dataclass

from aiohttp import web

from local.model import Invocation

RESPONSE_LIMIT = 6_291_556
"""Bytes of a synchronous response, the "6 MB" of AWS page "Lambda quotas"."""

_HEADER_LIMIT = 2 * 1024 * 1024  # bytes; awslambdaric sends up to 1 MB of stack trace in one header


@dataclass(frozen=True)
class Failure:
    """Why a worker can do no more.

    `kind` is Lambda's errorType; `payload` is what to answer, when that is not Lambda's usual sentence
    made of the request's id and `reason`.
    """

    kind: str
    reason: str
    payload: bytes = b""

    def answer(self, request_id: str) -> Invocation:
        """Return what Lambda answers to the request that met this failure."""
        message = f"RequestId: {request_id} Error: {self.reason}"
        return Invocation(self.payload or _error(self.kind, message), "Unhandled")

    @property
    def timed_out(self) -> bool:
        """Whether the time was up, which Lambda reports as a status of its own."""
        return self.kind == "Sandbox.Timedout"


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out(seconds: float) -> Failure:
    """Return the failure of a task that was stopped after `seconds`."""
    return Failure("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")


def exited(code: int) -> Failure:
    """Return the failure of a process that ended with `code`, negative for a signal as in subprocess."""
    if code == 0:
        return Failure("Runtime.ExitError", "Runtime exited without providing a reason")
    name = (signal.strsignal(-code) or str(-code)).partition(":")[0].lower() if code < 0 else ""
    how = f"signal: {name}" if name else f"exit status {code}"
    return Failure("Runtime.ExitError", f"Runtime exited with error: {how}")


def _too_large() -> Failure:
    kind = "Function.ResponseSizeTooLarge"
    reason = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
    return Failure(kind, reason, _error(kind, reason))


@dataclass(eq=False)
class Call:
    """One invocation under way: `answer` is set exactly once, `deadline` is in epoch milliseconds."""

    id: str
    event: bytes
    answer: asyncio.Future[Invocation]
    deadline: int = 0

    def resolve(self, answer: Invocation) -> None:
        """Answer, unless that has happened."""
        if not self.answer.done():
            self.answer.set_result(answer)


class RuntimeApi:
    """The server of one worker: awslambdaric takes a host and a port but no path, hence a socket for each.

    `idle` is set while the process waits for an invocation and, for ever, once `failure` is known.
    """

    def __init__(self, arn: str) -> None:
        self.idle = asyncio.Event()
        self.failure: Failure | None = None
        self._arn = arn
        self._call: Call | None = None
        self._inbox: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._server = web.Server(
            self._handle, access_log=None, max_field_size=_HEADER_LIMIT, max_line_size=_HEADER_LIMIT
        )
        self._listener: asyncio.Server | None = None

    async def open(self) -> str:
        """Listen on a free loopback port; return the value for AWS_LAMBDA_RUNTIME_API."""
        listening = socket.create_server(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        # In two steps, so that `close` knows the listener even if this is cancelled in the second.
        self._listener = await loop.create_server(self._server, sock=listening, start_serving=False)
        await self._listener.start_serving()
        host, port = listening.getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        """Close the socket and every connection."""
        self._inbox.cancel()
        if self._listener:
            self._listener.close()
        await self._server.shutdown(0.1)  # 0 would mean: no limit

    def deliver(self, call: Call) -> None:
        """Hand `call` to the process, which must be idle."""
        self.idle.clear()
        self._call = call
        self._inbox.set_result(call)

    def fail(self, failure: Failure) -> None:
        """Let nothing wait for the process any longer; the first failure is the one that counts."""
        self.failure = self.failure or failure
        self.idle.set()
        if self._call:
            self._call.resolve(self.failure.answer(self._call.id))

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            return await self._route(request)
        except ConnectionError:  # the process was killed while it answered
            return web.Response(status=400)

    async def _route(self, request: web.BaseRequest) -> web.Response:
        match request.path.removeprefix("/2018-06-01/runtime/").split("/"):
            case ["invocation", "next"]:
                return await self._next()
            case ["invocation", request_id, "response"]:
                return await self._finish(request, request_id, None)
            case ["invocation", request_id, "error"]:
                return await self._finish(request, request_id, "Unhandled")
            case ["init", "error"]:
                return await self._refuse(request)
        return web.json_response({"errorType": "NotFound"}, status=404)

    async def _next(self) -> web.Response:
        self._inbox = asyncio.get_running_loop().create_future()
        self.idle.set()
        call = await self._inbox
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": str(call.deadline),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": f"Root={root};Parent={secrets.token_hex(8)};Sampled=0",
        }
        return web.Response(body=call.event, content_type="application/json", headers=headers)

    async def _finish(self, request: web.BaseRequest, request_id: str, error: str | None) -> web.Response:
        body = await _read(request)
        call = self._call
        if call is None or call.id != request_id:
            return web.json_response({"errorType": "InvalidRequestID"}, status=400)
        if len(body) > RESPONSE_LIMIT:
            self.fail(_too_large())  # awslambdaric ends the process over a 413, on Lambda too
            return web.json_response({"errorType": "RequestEntityTooLarge"}, status=413)
        self._call = None
        call.resolve(Invocation(body, error))
        return web.json_response({"status": "OK"}, status=202)

    async def _refuse(self, request: web.BaseRequest) -> web.Response:
        body = _as_utf8(await _read(request))
        kind = request.headers.get("Lambda-Runtime-Function-Error-Type", "Runtime.Unknown")
        self.fail(Failure(kind, "the handler could not be loaded", body))
        return web.json_response({"status": "OK"}, status=202)


async def _read(request: web.BaseRequest) -> bytes:
    """Return the body, cut somewhere after the limit: what is too large is not kept in memory."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        if len(body) <= RESPONSE_LIMIT:
            body += chunk
    return bytes(body)


def _as_utf8(body: bytes) -> bytes:
    """Repair what awslambdaric posts to init/error: http.client encodes text as Latin-1."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body

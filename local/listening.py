"""Small HTTP servers on loopback: the one way in which the local cloud listens."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

HEADER_ROOM = 1 << 20
"""Bytes that one request line or header may have before aiohttp refuses it by itself."""

_GOODBYE = 2.0


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Say whether this is more than a client that speaks broken HTTP, which its 400 says already."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log = logging.getLogger(__name__)
_log.addFilter(_is_our_fault)


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Serve `app` at `host`:`port` (0: any free port) until the runner's `cleanup` is awaited.

    Bodies stay as they were sent (no Content-Encoding is undone), and requests that are being answered get 2
    seconds at the end. Raises OSError (EADDRINUSE) and leaves nothing behind when the port is taken.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_log,
        auto_decompress=False,
        max_line_size=HEADER_ROOM,
        max_field_size=HEADER_ROOM,
        shutdown_timeout=_GOODBYE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def port_of(runner: web.AppRunner) -> int:
    """Return the port on which a served application listens."""
    return int(runner.addresses[0][1])

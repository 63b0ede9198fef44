"""Docker's bridge: the address at which functions in containers (`sam local`) reach this machine.

Servers stay on loopback; connections to the bridge are passed on to them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil

from local.state import LocalError

NAME = "docker0"
CHUNK = 1 << 16


def bridge() -> str:
    """Return the bridge's address. Raises LocalError where Docker has none."""
    for one in psutil.net_if_addrs().get(NAME, ()):
        if one.family == socket.AF_INET:
            return str(one.address)
    raise LocalError(
        f"--docker needs Docker's bridge, and there is no network interface {NAME}: start a Docker engine on Linux"
        " (Docker Desktop has no bridge on this side)"
    )


@asynccontextmanager
async def bridged(address: str, port: int, behind: int) -> AsyncIterator[None]:
    """Listen at the bridge's address for the block, and pass connections on to the port `behind` it, on loopback.

    Raises OSError when the port is taken there.
    """
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(_connect(reader, writer, behind))
        connections.add(connection)
        connection.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, address, port)
    try:
        yield
    finally:
        server.close()
        for connection in (left := list(connections)):
            connection.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: int) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
        try:
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        finally:
            inner_writer.close()
    except OSError:
        pass  # nobody listens there, which the end of the connection tells
    finally:
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what one side says, until it has ended or the other is gone."""
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

"""Docker's bridge: connections to it are passed on to loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

import psutil
import pytest

from local.bridge import bridge, bridged
from local.processes import free_port
from local.state import LocalError


class Address(NamedTuple):
    family: int
    address: str


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what was heard, once the other side has ended."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("size", [1, 300_000])
async def test_what_is_sent_arrives_and_so_does_the_answer(size: int) -> None:
    behind, port = await asyncio.start_server(echo, "127.0.0.1", 0), free_port()
    async with behind, bridged("127.0.0.1", port, behind.sockets[0].getsockname()[1]):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * size)
        writer.write_eof()

        assert await reader.read() == b"x" * size
        writer.close()


async def test_where_nobody_listens_a_connection_ends() -> None:
    port = free_port()
    async with bridged("127.0.0.1", port, free_port()):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        assert await reader.read() == b""
        writer.close()


async def test_connections_end_with_the_bridge() -> None:
    behind, port = await asyncio.start_server(echo, "127.0.0.1", 0), free_port()
    async with behind:
        async with bridged("127.0.0.1", port, behind.sockets[0].getsockname()[1]):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"nobody waits for the rest")
            await asyncio.sleep(0.1)

        assert await reader.read() == b""
        writer.close()


async def test_a_port_that_is_taken_is_said() -> None:
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as taken:
        with pytest.raises(OSError, match="in use"):
            await bridged("127.0.0.1", taken.sockets[0].getsockname()[1], free_port()).__aenter__()


def test_the_bridge_is_docker_s_own_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"lo": [Address(socket.AF_INET, "127.0.0.1")],
             "docker0": [Address(socket.AF_INET6, "fe80::1"), Address(socket.AF_INET, "172.17.0.1")]}  # fmt: skip
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)

    assert bridge() == "172.17.0.1"


def test_without_docker_there_is_no_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_if_addrs", dict)

    with pytest.raises(LocalError, match="there is no network interface docker0"):
        bridge()

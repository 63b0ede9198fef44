"""Child processes that are started anew when they end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from local import processes
from local.processes import Child, free_port
from local.state import LocalError, State

Start = Callable[[str, int], Awaitable[Child]]
SERVER = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"
ONCE = f"import os, sys; os.mkdir('began') if not os.path.exists('began') else sys.exit('no room'); {SERVER}"


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start Python code that listens on a port, with its output in a log; none outlives the test."""
    state, children = State(tmp_path / "state"), list[Child]()
    with state.owned():

        async def begin(code: str, port: int) -> Child:
            child = await Child.start("part", [sys.executable, "-c", code, str(port)], state, {}, {})
            children.append(child)
            await child.listening(port)
            return child

        yield begin
        for child in children:
            await child.stop(signal.SIGTERM)


async def test_a_child_that_is_killed_is_back_at_its_port(start: Start, eventually: Callable[..., Awaitable[object]]):
    port, said = free_port(), list[str]()
    child = await start(SERVER, port)
    keeping = asyncio.create_task(child.keep(port, said.append))
    for times in (1, 2):
        os.kill(child.pid, signal.SIGKILL)
        await eventually(lambda times=times: len(said) == 2 * times)
    keeping.cancel()
    await child.listening(port)
    assert said[0].startswith("part ended with status -9")
    assert said[1] == "part is back"


async def test_a_child_that_cannot_come_back_is_given_up_with_its_last_words(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "COMING_BACK", 0.5)
    port = free_port()
    child = await start(ONCE, port)
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(LocalError, match="part ended with status 1: no room"):
        await child.keep(port, lambda _: None)

"""The real command `tradepost`, run as people run it, and what its processes leave behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from handlers.http.routes import ROUTES, SERVICES, answers
from local.state import StackInfo, State
from tests import asked
from tests.privileges.session import FOLDER

TRADEPOST = Path(sys.executable).with_name("tradepost")
READY = "Ctrl-C stops everything"
START_SECONDS = 90
"""A start takes 8 s on an idle machine."""
STOP_SECONDS = 15
"""A stop takes 2 s on an idle machine."""

LENT: set[Path] = set()
"""Folders that are in use."""

T = TypeVar("T")


def eventually(found: Callable[[], T], seconds: float = 45, why: Callable[[], object] = str) -> T:
    """Return the first true value of `found`, or fail after a deadline with what `why` says."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s: {why()}"
        time.sleep(0.05)
    return value


def tradepost(*words: str, state: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in another folder than the clone."""
    where = ["--state", str(state)] if state else []
    return subprocess.run(
        [TRADEPOST, *words, *where], cwd="/", input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def logged_as(function: str) -> str:
    """Return under which name it is logged what a function of the API says: behind nginx, under its service's."""
    if not asked.services():
        return f"{function}Function"
    path = next((path for _, path, module in ROUTES if module.title().replace("_", "") == function), "/")
    return next(one for one in SERVICES if answers(one, path))


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """Lend a new folder that the user "nobody" may enter too: PostgreSQL's server, where the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="tradepost-e2e-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        LENT.add(folder)
        yield folder
        LENT.discard(folder)


def end_at_once(number: int, _: object) -> None:
    """Die of a signal, and leave no process and no folder: a stack could not be waited for where clients go on."""
    started = psutil.Process().children(recursive=True)
    for one in started:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(started, 5)
    for folder in LENT:
        shutil.rmtree(folder, ignore_errors=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.Signals(number))


class Up:
    """`tradepost up` as a process, with its state and its temporary files in a folder of its own.

    What its functions do is judged at the session's end, unless it is not `recorded`.
    """

    def __init__(self, folder: Path, *options: str, port: int = 0, recorded: bool = True) -> None:
        self.state = State(folder / "state")
        self._folder = folder.resolve()
        self._tmp = folder / "tmp"
        self._tmp.mkdir(exist_ok=True)
        self._tree: dict[int, psutil.Process] = {}
        self.record = Path(os.environ.get(FOLDER, folder)) / f"{uuid.uuid4()}.jsonl"
        words = [TRADEPOST, "up", "--port", str(port), "--state", self.state.folder, *options]
        if asked.services():
            words += ["--services"]
        if recorded:
            words += ["--record", self.record]
        environment = {**os.environ, "TMPDIR": str(self._tmp)}
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(words, cwd="/", env=environment, stdout=stdout, stderr=stderr)

    @property
    def said(self) -> str:
        """What it has printed."""
        return (self._folder / "stdout").read_text()

    @property
    def complaints(self) -> list[str]:
        """The lines on its standard error."""
        return (self._folder / "stderr").read_text().splitlines()

    def reaches(self, text: str) -> None:
        """Wait until it says so, noting the processes that it has by then."""
        eventually(
            lambda: text in self.said or self._process.poll() is not None,
            START_SECONDS,
            lambda: (self.said, self.complaints),
        )
        assert text in self.said, (self.said, self.complaints)
        self._tree |= {one.pid: one for one in psutil.Process(self._process.pid).children(recursive=True)}

    def ready(self) -> StackInfo:
        """Wait until the stack runs; return how to reach it."""
        self.reaches(READY)
        return self.state.read()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        for one in psutil.Process(self._process.pid).children(recursive=True):
            self._tree[one.pid] = one
        self._process.send_signal(number)

    def ends(self, seconds: float = START_SECONDS) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait(seconds)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it as Ctrl-C does; it must leave nothing but its logs, quickly and without a complaint."""
        self.send(signal.SIGINT)
        assert self.ends(seconds) == 0
        assert self.complaints == []
        self.left_nothing()

    def left_nothing(self) -> None:
        """Assert that no process, no temporary file and no state is left; logs may be."""
        assert self.processes() == []
        assert list(self._tmp.iterdir()) == []
        left = {one.name for one in self.state.folder.iterdir()} if self.state.folder.exists() else set()
        assert left <= {"lock", "log", "tradepost-state"}

    def processes(self) -> list[str]:
        """Return what still runs of it: the processes seen before, and all that were started with its folders."""
        found = [one for one in psutil.process_iter() if one.pid != os.getpid() and self._mentions(one)]
        return [*self.descendants(), *(str(one) for one in found if _alive(one))]

    def descendants(self) -> list[str]:
        """Return which of the processes seen before still run."""
        return [str(one) for one in self._tree.values() if one.is_running() and _alive(one)]

    def end_part(self, name: str) -> None:
        """Kill the child process of that name."""
        (part,) = (one for one in psutil.Process(self._process.pid).children() if one.name() == name)
        part.kill()

    def _mentions(self, process: psutil.Process) -> bool:
        try:
            words: Sequence[str] = [*process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return any(str(self._folder) in word for word in words)

    def kill(self) -> None:
        """End whatever is left of it, so that a failed test disturbs no other."""
        if self._process.poll() is None:
            self.send(signal.SIGKILL)
            self._process.wait(10)
        for one in (*self._tree.values(), *filter(self._mentions, psutil.process_iter())):
            if one.pid != os.getpid() and one.is_running():
                one.kill()


@contextmanager
def running(*options: str, recorded: bool = True) -> Iterator[Up]:
    """Run a stack of its own for the block; afterwards nothing of it may be left."""
    with folder_for_all() as folder:
        up = Up(folder, *options, recorded=recorded)
        try:
            up.ready()
            yield up
            up.stop()
        finally:
            up.kill()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

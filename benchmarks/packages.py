"""What each contestant of `make bench` is deployed as: a folder for sys.path, its .pyc beside its .py."""

from __future__ import annotations

import compileall
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from delivery.packages.package import required
from delivery.packages.trees import libraries
from local.state import ROOT

FOLDER = ROOT / ".bench"
CONTESTANTS = ROOT / "benchmarks" / "contestants"
PINNED = ROOT / "requirements" / "peers.txt"
PEERS = {
    "boto3": ["boto3"],
    "boto3_psycopg": ["boto3", "psycopg", "psycopg-binary"],
    "fastapi": ["boto3", "fastapi", "mangum"],
    "fastapi_psycopg": ["boto3", "fastapi", "mangum", "psycopg", "psycopg-binary"],
    "powertools": ["aws-lambda-powertools", "boto3", "pydantic"],
    "powertools_psycopg": ["aws-lambda-powertools", "boto3", "psycopg", "psycopg-binary", "pydantic"],
    "pyjwt": ["cryptography", "pyjwt"],
    "runtime_client": ["awslambdaric"],
}
"""What peers install, by the names of their environments; versions and hashes come from requirements/peers.txt."""


@cache
def ours(function: str) -> Path:
    """Return the package of a function of ours ("GetItem") as it ships, built anew in each run."""
    folder = FOLDER / "packages" / function
    shutil.rmtree(folder, ignore_errors=True)
    print(f"Building {function} ...", file=sys.stderr)
    subprocess.run([sys.executable, ROOT / "delivery" / "assemble.py", function, folder], check=True)  # noqa: S603 - one of ours
    return folder


@cache
def trimmed(*modules: str) -> Path:
    """Return a folder of some libraries, and of what these require, as our packages hold them."""
    folder = FOLDER / "packages" / "-".join(modules)
    shutil.rmtree(folder, ignore_errors=True)
    kept = libraries("x86_64")
    for name in required(modules, json.loads((kept / "distributions.json").read_text())):
        shutil.copytree(kept / name, folder, dirs_exist_ok=True)
    return folder


@cache
def without_pyc(package: Path) -> Path:
    """Return a copy of a package that has nothing compiled."""
    folder = package.with_name(f"{package.name}-without-pyc")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(package, folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return folder


@cache
def peer(name: str) -> Path:
    """Return a peer's environment, made when it is missing, or older than what pins it."""
    folder = ROOT / ".venv" / "peers" / name
    made = folder / ".made"
    pins = " ".join(_pin(one) for one in PEERS[name])
    if not made.exists() or made.read_text() != pins or made.stat().st_mtime < PINNED.stat().st_mtime:
        print(f"Installing {pins} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, "--constraints", PINNED, *pins.split())
        made.write_text(pins)
    return folder


@cache
def contestants() -> Path:
    """Return the folder of the peers' handlers, compiled."""
    compileall.compile_dir(CONTESTANTS, quiet=2)
    return CONTESTANTS


def megabytes(*folders: Path) -> float:
    """Return what folders take on a disk that counts bytes, .pyc included."""
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) / 1e6


def _pin(name: str) -> str:
    found = re.search(rf"^{re.escape(name)}==[\w.]+", PINNED.read_text(), re.MULTILINE)
    assert found, f"{name} is not pinned in {PINNED.name}"
    return found[0]


def _install(folder: Path, *what: object) -> None:
    uv = Path(sys.executable).with_name("uv")
    target = ["--python", sys.executable, "--target", folder, "--compile-bytecode", "--require-hashes"]
    subprocess.run([uv, "pip", "install", "--quiet", *target, *what], check=True)  # noqa: S603 - one of ours

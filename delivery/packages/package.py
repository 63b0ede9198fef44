"""A function's package: our code, and of the libraries those that its module can reach."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from delivery.packages.reach import EVENTS, ROOT, module_of, reached
from delivery.packages.trees import code, libraries, locked
from delivery.packages.trim import NEVER_IMPORTED, WITHOUT_EVENTS


def assemble(function: str, folder: Path, architecture: str = "x86_64") -> None:
    """Put a function's package into an empty folder.

    Files are links to those that are kept: a library takes its space once, however many packages have it.
    """
    _, imported = reached(module_of(function))
    trees = [libraries(architecture), code()]
    with locked(alone=False):
        needed = required({*imported} - {EVENTS}, json.loads((trees[0] / "distributions.json").read_text()))
        for tree in [*(trees[0] / name for name in sorted(needed)), trees[1]]:
            ignore = None if EVENTS in imported else _without_events
            shutil.copytree(tree, folder, copy_function=_link, dirs_exist_ok=True, ignore=ignore)


def required(imported: Iterable[str], installed: Mapping[str, Mapping[str, list[str]]]) -> set[str]:
    """Return the distributions that bring some modules, and all that these require. Raises LookupError for others."""
    owners = {entry.split(".")[0]: name for name, one in installed.items() for entry in one["entries"]}
    by_name = {_normal(name): name for name in installed}
    if missing := sorted({*imported} - owners.keys()):
        raise LookupError(f"src imports {missing}, which src/requirements.txt does not bring")
    needed, ahead = set[str](), [owners[module] for module in imported]
    while ahead:
        name = ahead.pop()
        if name not in needed and name not in NEVER_IMPORTED:
            needed.add(name)
            asked = [_normal(one) for one in _requirements(name, installed[name]["requires"])]
            ahead += [by_name[one] for one in asked if one in by_name]
    return needed


def _without_events(folder: str, names: list[str]) -> set[str]:
    return {name for parent, some in WITHOUT_EVENTS.items() if folder.endswith(parent) for name in some & {*names}}


def _requirements(name: str, requires: Iterable[str]) -> list[str]:
    """Return what a distribution requires, with the extras that requirements/runtime.in asks for."""
    extras = _extras().get(_normal(name), set())
    wanted = [one for one in requires if {*re.findall(r"extra == ['\"]([\w-]+)", one)} <= extras]
    return [re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in wanted]


def _extras() -> dict[str, set[str]]:
    said = re.findall(r"^([\w.-]+)\[([\w,-]+)\]", (ROOT / "requirements/runtime.in").read_text("utf-8"), re.MULTILINE)
    return {_normal(name): {*extras.split(",")} for name, extras in said}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copy2(source, target)

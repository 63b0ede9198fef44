"""The buildspecs in delivery/, and running their commands as CodeBuild does, on this machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.template import FILE

ROOT = FILE.parent


def read(file: str) -> dict[str, Any]:
    """Return a parsed buildspec."""
    parsed: dict[str, Any] = yaml_parse((ROOT / file).read_text("utf-8"))
    return parsed


def commands(file: str) -> list[str]:
    """Return what a buildspec runs, phase after phase."""
    return [one for phase in read(file)["phases"].values() for one in phase.get("commands", [])]


def variables(file: str) -> set[str]:
    """Return the variables that a buildspec and the shell scripts that it runs take from outside."""
    scripts = [ROOT / word for command in commands(file) for word in command.split() if word.endswith(".sh")]
    texts = [*commands(file), *(script.read_text("utf-8") for script in scripts)]
    return {name for text in texts for name in re.findall(r"\$\{?([A-Z_]+)\b", text)} - {"PWD", "PATH"}


def run(file: str, phase: str, folder: Path, env: Mapping[str, str]) -> str:
    """Run a phase's commands in a folder, each in a shell of its own; return what they said. Fails where one does."""
    said = []
    for command in read(file)["phases"][phase]["commands"]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        said.append(done.stdout)
        assert done.returncode == 0, f"{command}: {done.stdout}"
    return "".join(said)

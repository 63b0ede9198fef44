"""A copy of the template and the code, to break and to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.state import ROOT


class Clone:
    """template.yaml with src/ beside it, in a folder that is the test's own."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.yaml"
        self.src = folder / "src"
        shutil.copy(ROOT / "template.yaml", self.template)
        shutil.copytree(ROOT / "src", self.src, ignore=shutil.ignore_patterns("__pycache__"))

    def change(self, old: str, new: str) -> None:
        """Change the template in the one place where it says `old`."""
        text = self.template.read_text()
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        self.template.write_text(text.replace(old, new))

    @contextmanager
    def edited(self, module: str, old: str, new: str) -> Iterator[None]:
        """Let a module say `new` in the one place where it says `old`, for the block."""
        path = self.src / module
        text = path.read_text()
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))
        try:
            yield
        finally:
            path.write_text(text)

    def add_resource(self, text: str) -> None:
        """Add a resource to the template."""
        self.change("\nOutputs:\n", f"\n{text}\nOutputs:\n")

    @property
    def options(self) -> tuple[str, str]:
        """How `tradepost up` finds it."""
        return "--template", str(self.template)

"""Lets functions whose packages are the same share one folder in what `sam build` built, so that `sam` can zip it once.

Run it as a program after `sam build`: `python delivery/share.py [.aws-sam/build/template.yaml]`. Packages are the same
when their files are the same files on disk, as delivery/assemble.py links them.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

BUILT = Path(__file__).parents[1] / ".aws-sam/build/template.yaml"
FOLDER = re.compile(r"^( +CodeUri: )(\w+)$", re.MULTILINE)


def share(template: Path) -> None:
    """Name in a built template one folder for all functions with the same package."""
    alike: dict[frozenset[tuple[str, int]], str] = {}

    def shared(said: re.Match[str]) -> str:
        return said[1] + alike.setdefault(_files(template.parent / said[2]), said[2])

    template.write_text(FOLDER.sub(shared, template.read_text("utf-8")), "utf-8")


def _files(folder: Path) -> frozenset[tuple[str, int]]:
    """Return the files of a folder, and which file on disk each is."""
    walked = os.walk(folder)
    found = (Path(parent, name) for parent, _, names in walked for name in names)
    return frozenset((str(file.relative_to(folder)), file.stat().st_ino) for file in found)


if __name__ == "__main__":
    share(Path(sys.argv[1]) if sys.argv[1:] else BUILT)

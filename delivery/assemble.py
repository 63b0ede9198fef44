"""Puts a function's package into a folder: `python delivery/assemble.py CreateOrder FOLDER [--architecture arm64]`.

`sam build` runs it for each function (src/Makefile), by its logical id. It needs Python 3.13 with pip, and no more.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ARCHITECTURES = ("x86_64", "arm64")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", default=os.environ.get("ARCHITECTURE") or "x86_64", choices=ARCHITECTURES)
    asked = parser.parse_args()
    if sys.version_info[:2] != (3, 13):
        sys.exit(
            f"Lambda runs Python 3.13, which must compile what it runs; this is {sys.version.split()[0]}."
            " Install it, or name it: PYTHON=/path/to/python3.13 sam build"
        )
    from delivery.packages.package import assemble  # noqa: PLC0415 - an older Python might not understand it

    if asked.folder.is_dir() and any(asked.folder.iterdir()):
        sys.exit(f"{asked.folder} is not empty")
    assemble(asked.function, asked.folder, asked.architecture)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()

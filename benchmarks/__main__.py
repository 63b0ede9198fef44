"""Benchmarks, one after the other: `make benchmarks ARGS="process_orders million_orders"`."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

NAMES = ("process_orders", "project_inventory", "million_orders", "get_product")


def name(text: str) -> str:
    """Return a benchmark's name, as argparse wants it."""
    if text not in NAMES:
        raise ArgumentTypeError(f"there is no {text}; there is {', '.join(NAMES)}")
    return text


def main() -> int:
    """Run those that are named, or all; return the first exit code that is not 0."""
    parser = ArgumentParser(
        prog="benchmarks",
        description='Measure what is how fast beside what: make benchmarks ARGS="process_orders million_orders"',
        epilog="Each has options of its own: PYTHONPATH=src:. .venv/bin/python benchmarks/process_orders.py --help",
    )
    parser.add_argument("names", type=name, nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all without a name")
    for one in parser.parse_args().names or NAMES:
        script = Path(__file__).with_name(f"{one}.py")
        if code := subprocess.run([sys.executable, script], check=False).returncode:  # noqa: S603 - one of ours
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())

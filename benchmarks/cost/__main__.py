"""`make cost`."""

from __future__ import annotations

from argparse import ArgumentParser

from benchmarks.cost.page import write_page


def main() -> None:
    """Measure unless only the page is wanted, and write the page."""
    parser = ArgumentParser(prog="cost", description="Measure what operations use, and write docs/cost.md")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from what was measured")
    if not parser.parse_args().page:
        from benchmarks.cost.measure import measure  # noqa: PLC0415 - a whole stack, of which the page needs nothing

        measure()
    write_page()


if __name__ == "__main__":
    main()

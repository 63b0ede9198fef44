"""Our functions as they ship, beside their peers: one table, whether each bound is met, and what changed since.

make bench ARGS="--rounds 5 get_item"
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from benchmarks import packages, results
from benchmarks.authorizer import DECODE, authorizer
from benchmarks.authorizer import PEER as PYJWT
from benchmarks.authorizer import TITLE as AUTHORIZER
from benchmarks.bounds import Bound, Median, Ratio, judged
from benchmarks.contest import Contest, Differ, hold
from benchmarks.create_order import BARE as PSYCOPG
from benchmarks.create_order import TITLE as ORDER
from benchmarks.create_order import TRIMMED as PSYCOPG_TRIMMED
from benchmarks.create_order import create_order
from benchmarks.decoding import DECODING, TITLES
from benchmarks.decoding import PEER as PYDANTIC
from benchmarks.get_item import (
    BARE,
    FASTAPI,
    OVER_TLS,
    RESOLVER,
    TRIMMED,
    UNCOMPILED,
    UNDER_CLIENT,
    get_item,
    over_tls,
    under_runtime_client,
)
from benchmarks.get_item import TITLE as ITEM
from benchmarks.turns import arguments

CONTESTS: Mapping[str, Callable[[], AbstractContextManager[Contest]]] = {
    "get_item": get_item,
    "tls": over_tls,
    "runtime_client": under_runtime_client,
    "authorizer": authorizer,
    "create_order": create_order,
    **DECODING,
}
"""By the names that ARGS takes."""

CHARTED = {
    ITEM: ("ours", BARE, TRIMMED, RESOLVER, FASTAPI),
    AUTHORIZER: ("ours", PYJWT),
    ORDER: ("ours", PSYCOPG, PSYCOPG_TRIMMED, RESOLVER, FASTAPI),
}
BOUNDS: Sequence[Bound] = (
    Bound(f"{ITEM}, cold, to {BARE} as pip installs it", Ratio(ITEM, "cold_ms", BARE), 0.80),
    Bound(f"{ITEM}, cold, to {TRIMMED}", Ratio(ITEM, "cold_ms", TRIMMED)),
    Bound(f"{ITEM}, cold, to {FASTAPI}", Ratio(ITEM, "cold_ms", FASTAPI), 0.38),
    Bound(f"{ITEM}, warm, to {BARE}", Ratio(ITEM, "warm_us", BARE), 1.10),
    Bound(f"{ITEM}, warm, to {FASTAPI}", Ratio(ITEM, "warm_us", FASTAPI), 0.85),
    Bound(f"{ITEM}, RSS more than {BARE}", Median(ITEM, "rss_mb", BARE), 2, unit="MB"),
    Bound(f"{ITEM}, cold, without .pyc to with", Ratio(ITEM, "cold_ms", "ours", of=UNCOMPILED)),
    Bound(f"{OVER_TLS}, first request, to {BARE}", Ratio(OVER_TLS, "request_ms", BARE), 0.5),
    Bound(f"{OVER_TLS}, cold, to {BARE}", Ratio(OVER_TLS, "cold_ms", BARE)),
    Bound(f"{OVER_TLS}, cold, to {FASTAPI}", Ratio(OVER_TLS, "cold_ms", FASTAPI)),
    Bound(f"{UNDER_CLIENT}, cold, to {BARE}", Ratio(UNDER_CLIENT, "cold_ms", BARE)),
    Bound(f"{UNDER_CLIENT}, cold, to {FASTAPI}", Ratio(UNDER_CLIENT, "cold_ms", FASTAPI)),
    Bound(f"{UNDER_CLIENT}, warm, to {BARE}", Ratio(UNDER_CLIENT, "warm_us", BARE)),
    Bound(f"{AUTHORIZER}, cold, to {PYJWT}", Ratio(AUTHORIZER, "cold_ms", PYJWT), 0.90),
    Bound(f"{AUTHORIZER}, warm, to {DECODE}", Ratio(AUTHORIZER, "warm_us", DECODE), 1.3),
    Bound(f"{ORDER}, cold, to {PSYCOPG}", Ratio(ORDER, "cold_ms", PSYCOPG), 1.15),
    Bound(f"{ORDER}, cold, to {PSYCOPG_TRIMMED}", Ratio(ORDER, "cold_ms", PSYCOPG_TRIMMED)),
    Bound(f"{ORDER}, cold, to {FASTAPI}", Ratio(ORDER, "cold_ms", FASTAPI), 0.60),
    Bound(f"{ORDER}, warm, to {PSYCOPG}", Ratio(ORDER, "warm_us", PSYCOPG)),
    Bound(f"{ORDER}, warm, to {FASTAPI}", Ratio(ORDER, "warm_us", FASTAPI)),
    *(
        Bound(f"{title}, faster than {PYDANTIC}", Ratio(title, "warm_us", "ours", of=PYDANTIC), 2.5, at_least=True)
        for title in TITLES
    ),
    Bound("Package of the authorizer", Median(AUTHORIZER, "package_mb"), 20, unit="MB"),
    Bound(f"Package of {ITEM}", Median(ITEM, "package_mb"), 22, unit="MB"),
    Bound(f"Package of {ORDER}", Median(ORDER, "package_mb"), 45, unit="MB"),
)


def known(text: str) -> str:
    """Return a contest's name, as argparse wants it."""
    if text not in CONTESTS:
        raise ArgumentTypeError(f"there is no {text}; there is {', '.join(CONTESTS)}")
    return text


def main() -> int:
    """Hold the contests that are named, or all; print and save what came of them."""
    parser = arguments(__doc__ or "", rounds=21)
    parser.add_argument(
        "names", type=known, nargs="*", metavar="NAME", help=f"{', '.join(CONTESTS)}; all without a name"
    )
    parser.add_argument("--publish", action="store_true", help="rewrite what is committed: figures, chart and page")
    asked = parser.parse_args()
    if asked.publish and asked.names:
        parser.error("what is published is a run of everything")
    turns: dict[str, Mapping[str, Sequence[Mapping[str, Any]]]] = {}
    try:
        for name in asked.names or CONTESTS:
            with CONTESTS[name]() as contest:
                turns[contest.title] = weighed(contest, hold(contest, asked.rounds))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except (Differ, RuntimeError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    run = results.run(turns, judged(BOUNDS, turns), asked.rounds)
    before = results.previous()
    results.show(run, before)
    results.save(run, before)
    if asked.publish:
        results.publish(run, CHARTED)
    return 0


def weighed(contest: Contest, turns: Mapping[str, Sequence[Mapping[str, Any]]]) -> Mapping[str, Sequence[Any]]:
    """Return turns with what each contestant's package takes."""
    sizes = {name: packages.megabytes(*one.paths) for name, one in contest.contestants.items()}
    return {name: [{**turn, "package_mb": sizes[name]} for turn in found] for name, found in turns.items()}


if __name__ == "__main__":
    sys.exit(main())

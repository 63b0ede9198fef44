"""Real invoices while workers, PostgreSQL and pollers die: the same end as undisturbed, only later.

A short run. `make chaos` kills 30 times while nine months of invoices are placed.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from local.replay import Report, replay
from local.retail import read_sales
from local.state import ROOT
from tests import asked
from tests.e2e.books import check_books
from tests.e2e.chaos import Killer, planned
from tests.e2e.clone import Clone
from tests.e2e.running import Up, folder_for_all, running
from tests.e2e.shop import Shop

pytestmark = pytest.mark.xdist_group("e2e")

KILLS, SEED = asked.number("KILLS", 4), asked.number("SEED", 1)
EXCERPT = ROOT / "local" / "data" / "online-retail-excerpt.csv"
ROWS, TIMES = 100, 10
"""So many rows of the excerpt are a short run; a long one without a file of its own takes the excerpt so often."""
UNFORESEEN = ("unexpected error", "the batch failed as a whole")
IN_A_HURRY = asked.asked("KILLS") is None
"""Whether the relay is called now, rather than waited for: it comes every minute and sends what is 30 s old."""
VISIBILITY = 6
"""Seconds, where the template says 200: what a killed poller or worker had in hand comes again after them."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the invoices to replay."""
    if given := asked.file():
        return given
    head, *rows = EXCERPT.read_text().splitlines()
    numbered = [re.sub(r"^C?", rf"\g<0>{time}", row) for time in range(TIMES) for row in rows]
    made = tmp_path / "invoices.csv"
    made.write_text("\n".join([head, *(rows[:ROWS] if IN_A_HURRY else numbered), ""]))
    return made


@pytest.fixture
def disturbed() -> Iterator[Up]:
    """Run a second stack, whose messages come again soon."""
    with folder_for_all() as folder:
        clone = Clone(folder)
        for queue in ("Orders", "Shipping"):
            rest = f"\n      RedrivePolicy: {{deadLetterTargetArn: !GetAtt {queue}DeadLetters.Arn"
            clone.change(f"VisibilityTimeout: 200{rest}", f"VisibilityTimeout: {VISIBILITY}{rest}")
        with running(*clone.options) as up:
            yield up


@dataclass(frozen=True)
class Books:
    """All orders by id, without what differs from run to run, and each sku's stock."""

    orders: dict[str, Any]
    stock: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, shop: Shop) -> Books:
        """Read them."""
        orders = shop.query(
            "SELECT orders.id::text, status, reason, total_minor,"
            " array_agg(ARRAY[sku, quantity::text] ORDER BY position)"
            " FROM orders JOIN order_lines ON order_id = orders.id GROUP BY orders.id"
        )
        stock = shop.query("SELECT sku, on_hand, allocated, shipped_total FROM product_info")
        return cls(
            {order: tuple(map(str, rest)) for order, *rest in orders}, {sku: tuple(rest) for sku, *rest in stock}
        )

    def since(self, before: Books) -> tuple[Counter[Any], dict[str, Any]]:
        """Return the orders that came since, and how much each sku's stock changed."""
        none = (0, 0, 0)
        changes = {
            sku: tuple(now - was for now, was in zip(levels, before.stock.get(sku, none), strict=True))
            for sku, levels in self.stock.items()
        }
        came = Counter(what for order, what in self.orders.items() if order not in before.orders)
        return came, {sku: change for sku, change in changes.items() if change != none}


@pytest.mark.timeout(3600)
def test_whatever_dies_the_end_is_the_same(shop: Shop, disturbed: Up, file: Path) -> None:
    other, chance = Shop(disturbed.state.read()), random.Random(SEED)
    calm, quiet, _ = replayed(shop, file, lambda _: None)
    killer = Killer(disturbed, other, chance)
    orders = len(read_sales(file).orders)
    plan = planned(KILLS, orders, chance)
    wild, rough, redriven = replayed(other, file, lambda over: killer.kill(plan, over))
    show(killer.killed, redriven, quiet, rough)
    assert wild == calm
    assert {what[0] for what in wild[0]} == {"FULFILLED"}
    assert wild[0].total() == rough.orders.placed == orders
    assert unforeseen(other) == []
    assert (rough.failures, rough.reconciliation.differences if not redriven else []) == ([], [])


def replayed(shop: Shop, file: Path, disturb: Callable[[Callable[[], bool]], None]) -> tuple[Any, Report, Counter[str]]:
    """Replay the file; return what came of it, the report, and how many dead letters had to be sent once more."""
    before = Books.of(shop)
    with ThreadPoolExecutor(1) as thread:
        work = thread.submit(lambda: asyncio.run(replay(shop.info, file, progress=Console(file=StringIO()))))
        disturb(work.done)
        while IN_A_HURRY and not work.done():
            relay_now(shop)
            wait([work], 1)
        report = work.result()
    redriven = redrive(shop)
    check_books(shop)
    return Books.of(shop).since(before), report, redriven


def unforeseen(shop: Shop) -> list[str]:
    """Return what functions logged of errors that they have no answer for: an outage is a 503, and no surprise."""
    lines = [json.loads(line)["line"] for line in Path(shop.info.log).read_text().splitlines()]
    return [line for line in lines if any(f'"{words}' in line for words in UNFORESEEN)]


def relay_now(shop: Shop) -> None:
    """Have everything sent that waits, if PostgreSQL is there."""
    with suppress(psycopg.OperationalError):
        shop.query("UPDATE outbox SET written_at = written_at - interval '1 minute' RETURNING id")
        shop.info.client("lambda").invoke(FunctionName="RelayOutboxFunction")


def redrive(shop: Shop) -> Counter[str]:
    """Send what was received five times in vain once more, as an admin does; return how many by queue and cause."""
    found = Counter[str]()
    for queue in ("orders", "shipping"):
        while letters := shop.admin.get(f"/dead-letters/{queue}?limit=100")["dead_letters"]:
            found.update(f"{queue}: {one['why']}" for one in letters)
            answer = shop.admin("POST", f"/dead-letters/{queue}/redrive", {"ids": [one["id"] for one in letters]})
            assert answer.json()["redriven"] == len(letters), answer.text
    return found


def show(killed: Counter[str], redriven: Counter[str], calm: Report, wild: Report) -> None:
    """Print what died, and what it cost."""
    console = Console(soft_wrap=True)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    say(f"\n{killed.total()} kills, seed {SEED}: {', '.join(f'{n} {what}' for what, n in sorted(killed.items()))}")
    for name, one in (("undisturbed", calm), ("disturbed", wild)):
        orders, seconds = one.orders, one.orders.placed / one.orders_per_second
        say(
            f"{name}: {orders.fulfilled} of {orders.placed} orders fulfilled in {seconds:.1f} s,"
            f" POST p95 {one.post.p95} s, max {one.post.max} s;"
            f" {one.retries} requests sent again, {one.server_errors} of them after server errors"
        )
    say(f"dead letters that were redriven: {dict(redriven) or 'none'}")

"""Many clients at once on a few skus: afterwards every order and every unit is accounted for.

A short run. `make concurrency` takes a minute, with 20 clients, on a stack of its own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console
from rich.table import Table

from local.replay.report import spread
from tests import asked
from tests.e2e.books import check_books, check_versions
from tests.e2e.market import Call, Client, Sent, Told
from tests.e2e.shop import Shop

pytestmark = pytest.mark.xdist_group("e2e")

SECONDS, CLIENTS, SEED = asked.number("SECONDS", 6), asked.number("CLIENTS", 6), asked.number("SEED", 1)
HOT_SKUS, STOCK = 10, 30


@pytest.mark.timeout(3600)
def test_whatever_clients_do_at_once_every_order_and_every_unit_is_accounted_for(shop: Shop) -> None:
    skus = [shop.product(stock=STOCK) for _ in range(HOT_SKUS)]
    sent: list[Sent] = []
    clients = [Client(shop.customer(), shop.admin, skus, f"{SEED}-{number}", sent) for number in range(CLIENTS)]
    began = time.monotonic()
    with ThreadPoolExecutor(len(clients)) as threads:
        told = list(threads.map(lambda client: client.work(began + SECONDS), clients))
    seconds = time.monotonic() - began
    show([call for one in told for call in one.calls], seconds)
    check_books(shop)
    show_outcomes(shop, skus, time.monotonic() - began - seconds)
    check_versions(shop, skus)
    check_what_was_told(shop, told, skus)


def check_what_was_told(shop: Shop, told: Sequence[Told], skus: Sequence[str]) -> None:
    """Check that all that was accepted is there, nothing else is, and cancelled is what was called so."""
    orders = {
        order: (status, sorted(zip(ordered, quantities, strict=True)))
        for order, status, ordered, quantities in shop.query(
            "SELECT orders.id::text, status, array_agg(sku), array_agg(quantity) FROM orders"
            " JOIN order_lines ON order_id = orders.id GROUP BY orders.id HAVING bool_and(sku = ANY(%s))",
            skus,
        )
    }
    assert {order: lines for order, (_, lines) in orders.items()} == {
        order: sorted(lines) for one in told for order, lines in one.orders.items()
    }
    cancelled = {order for order, (status, _) in orders.items() if status == "CANCELLED"}
    assert cancelled == {order for one in told for order in one.cancelled}
    assert not cancelled & {order for one in told for order in one.too_late}
    moved = shop.query(
        "SELECT id::text, sku, kind, quantity FROM movements WHERE sku = ANY(%s) AND version > 1",
        skus,
    )
    assert {movement: tuple(rest) for movement, *rest in moved} == {
        movement: what for one in told for movement, what in one.movements.items()
    }


def show(calls: Sequence[Call], seconds: float) -> None:
    """Print what was called how often, and how fast."""
    table = Table("call", "status", "calls", "per second", "p50 ms", "p95 ms", "max ms")
    kinds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for call in calls:
        kinds[call.kind, str(call.status)].append(call.seconds)
    for (kind, status), took in [*sorted(kinds.items()), (("all", ""), [call.seconds for call in calls])]:
        found = spread(took)
        times = (f"{1000 * (one or 0):.0f}" for one in (found.p50, found.p95, found.max))
        table.add_row(kind, status, str(len(took)), f"{len(took) / seconds:.1f}", *times)
    console = Console()
    console.print(f"\n{CLIENTS} clients, {HOT_SKUS} skus, {seconds:.1f} s, seed {SEED}", highlight=False)
    console.print(table)


def show_outcomes(shop: Shop, skus: Sequence[str], seconds: float) -> None:
    """Print what became of the orders."""
    outcomes = shop.query(
        "SELECT status, count(*) FROM orders WHERE id IN (SELECT order_id FROM order_lines WHERE sku = ANY(%s))"
        " GROUP BY status ORDER BY status",
        skus,
    )
    words = ", ".join(f"{count} {status.lower()}" for status, count in outcomes)
    Console().print(f"{words}; checked {seconds:.1f} s later", highlight=False)

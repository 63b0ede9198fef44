"""The replay's report: what it counts, accounts for and calls ok, on made inputs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local.replay import replay
from local.replay.evidence import Outcome
from local.replay.feeding import Failure, Fed, Placed
from local.replay.function_log import Work
from local.replay.reconciling import Level, reconcile
from local.replay.rendering import render
from local.replay.report import Facts, Report, spread
from local.replay.run import opening_stock
from local.retail import parse_sales
from local.state import LocalError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def fulfilled(order_id: str, at: float, **quantities: int) -> Outcome:
    return Outcome(
        order_id=order_id,
        status="FULFILLED",
        reason=None,
        total_minor=500,
        placed_at=NOON,
        confirmed=True,
        fulfilled_at=after(at),
        quantities=quantities,
    )


def test_percentiles_are_by_nearest_rank() -> None:
    found = spread([n / 10 for n in range(100, 0, -1)])
    assert (found.measured, found.p50, found.p95, found.max) == (100, 5.0, 9.5, 10.0)


def test_percentiles_of_one_and_of_nothing() -> None:
    assert (spread([0.25]).p50, spread([0.25]).p95, spread([0.25]).max) == (0.25, 0.25, 0.25)
    assert (spread([]).measured, spread([]).p50) == (0, None)


@pytest.mark.parametrize(
    ("share", "units"), [("1.0", 100), ("0.8", 80), ("0.29", 29), ("0.299", 29), ("0", 0), ("1.5", 150)]
)
def test_opening_stock_is_an_exact_share_rounded_down(share: str, units: int) -> None:
    assert opening_stock({"TEA": 100}, Decimal(share)) == {"TEA": units}


@pytest.mark.parametrize("stock", [-0.1, float("nan"), float("inf"), 1001])
async def test_no_such_share(stock: float, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="the opening stock must be 0 to 1000 times"):
        await replay(SimpleNamespace(), tmp_path / "any.csv", stock=stock)


BEFORE = {"TEA": Level(on_hand=100, allocated=0, shipped_total=40, version=9)}
AFTER = {"TEA": Level(on_hand=117, allocated=0, shipped_total=48, version=13)}


def reconciled(decided: Any = AFTER, projected: Any = AFTER, skus: Any = ("TEA",)) -> Any:
    return reconcile(BEFORE, {"TEA": 25}, {"TEA": 8}, decided=decided, projected=projected, skus=skus)


def test_what_was_there_plus_what_came_minus_what_went() -> None:
    assert reconciled().differences == []
    assert reconciled().compared == 1


def test_a_sku_without_stock_needs_no_level() -> None:
    assert reconciled(skus=["TEA", "MILK"]).differences == []


@pytest.mark.parametrize(
    ("field", "value"), [("on_hand", 118), ("allocated", 1), ("shipped_total", 47), ("version", 12)]
)
def test_a_side_that_differs_is_named_with_both(field: str, value: int) -> None:
    wrong = {"TEA": AFTER["TEA"]._replace(**{field: value})}
    (late,) = reconciled(projected=wrong).differences
    assert (late["sku"], late["projected"][field], late["decided"][field]) == (
        "TEA",
        value,
        getattr(AFTER["TEA"], field),
    )


def test_two_sides_may_agree_and_both_be_wrong() -> None:
    oversold = {"TEA": AFTER["TEA"]._replace(on_hand=116)}
    (difference,) = reconciled(decided=oversold, projected=oversold).differences
    assert (difference["expected"]["on_hand"], difference["decided"]["on_hand"]) == (117, 116)


def test_a_level_that_one_side_lacks() -> None:
    assert reconciled(projected={}).differences[0]["projected"]["version"] == 0
    assert len(reconcile({}, {}, {}, decided={}, projected=AFTER, skus=["TEA"]).differences) == 1


HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
SALES = parse_sales(
    [
        HEADER,
        "1,71053,LANTERN,6,01/12/2010 08:26,3.39,17850,United Kingdom",
        "2,71053,LANTERN,2,01/12/2010 08:26,3.39,,United Kingdom",
        "2,POST,POSTAGE,1,01/12/2010 08:26,18,,United Kingdom",
    ]
)


def facts(**changes: Any) -> Facts:
    usual = Facts(
        outcomes=[fulfilled("a", 3, **{"71053": 6}), fulfilled("b", 3, **{"71053": 2})],
        feed=Fed({"71053": 8}, [Placed("1", "a", 0.02), Placed("2", "b", 0.04)], []),
        before={},
        decided={"71053": Level(0, 0, 8, 3)},
        projected={"71053": Level(0, 0, 8, 3)},
        visible={"a": after(4), "b": after(6)},
        functions=[Work("CreateOrderFunction", 2, 20.0, 10.0)],
        phases={"orders": 1.234},
        seconds=4.0,
        server_errors=0,
        retries=0,
        dead_letters={},
        hanging=[],
    )
    return replace(usual, **changes)


def report(**changes: Any) -> Report:
    return Report.of(facts(**changes), file="sales.csv", stock=1.0, sales=SALES)


def test_a_run_in_which_all_went_well() -> None:
    found = report()
    assert found.ok
    assert (found.orders.placed, found.orders.confirmed, found.orders.fulfilled, found.orders.open) == (2, 2, 2, 0)
    assert (found.units, found.value_minor, found.currency) == (8, 1000, "GBP")
    assert (found.placed_to_projected.p50, found.placed_to_projected.max) == (4.0, 6.0)
    assert (found.post.p50, found.post.p95) == (0.02, 0.04)
    assert found.orders_per_second == 0.5
    assert found.skipped == {"not goods": 1}


def test_every_end_of_an_order_is_counted() -> None:
    base = fulfilled("a", 3, **{"71053": 6})
    ends = [
        base,
        replace(base, order_id="b", status="REJECTED", reason="out_of_stock", confirmed=False, fulfilled_at=None),
        replace(base, order_id="c", status="REJECTED", reason="discontinued", confirmed=False, fulfilled_at=None),
        replace(base, order_id="d", status="CANCELLED", fulfilled_at=None),
        replace(base, order_id="e", status="CONFIRMED", fulfilled_at=None),
        replace(base, order_id="f", status="PLACED", confirmed=False, fulfilled_at=None),
    ]
    orders = report(outcomes=ends).orders
    assert (orders.placed, orders.confirmed, orders.fulfilled, orders.cancelled, orders.open) == (6, 3, 1, 1, 2)
    assert orders.rejected == {"out_of_stock": 1, "discontinued": 1}


def test_rejections_for_want_of_stock_are_no_failure() -> None:
    rejected = replace(fulfilled("b", 3), status="REJECTED", reason="out_of_stock", fulfilled_at=None)
    level = {"71053": Level(2, 0, 6, 2)}
    assert report(outcomes=[facts().outcomes[0], rejected], decided=level, projected=level).ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"feed": Fed({"71053": 8}, [], [Failure("orders", "2", 400, {"type": "urn:tradepost:problem:invalid-input"})])},
        {"dead_letters": {"OrdersDeadLetters": 1}},
        {"hanging": ["outbox: 3 messages"]},
        {"projected": {}},
        {"outcomes": [fulfilled("a", 3, **{"71053": 8}), replace(fulfilled("b", 3), status="CONFIRMED")]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_makes_a_run_not_ok(wrong: dict[str, Any]) -> None:
    found = report(**wrong)
    assert not found.ok
    assert found.as_dict()["ok"] is False


def test_json_and_tables_hold_what_was_found() -> None:
    failure = Failure("orders", "2", 409, {"type": "urn:tradepost:problem:conflict", "detail": "[no]"})
    found = report(feed=Fed({}, [], [failure]), server_errors=3)
    told = json.loads(json.dumps(found.as_dict()))
    assert told["orders"]["failed"] == 1
    assert told["failures"] == [{"phase": "orders", "name": "2", "status": 409, "problem": failure.problem}]
    assert told["reconciliation"]["compared"] == 1
    assert told["reconciliation"]["differences"][0]["sku"] == "71053"
    assert told["functions"][0] == {"name": "CreateOrderFunction", "invocations": 2, "total_ms": 20.0, "mean_ms": 10.0}
    console = Console(file=StringIO(), width=120)
    render(found, console)
    text = console.file.getvalue()
    for part in ("fulfilled", "not measured", "CreateOrder", "urn:tradepost:problem:conflict", "[no]", "NOT ok"):
        assert part in text

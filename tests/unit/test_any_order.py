"""Whatever happens, in whatever order: stock is never oversold, and every order has one outcome.

`tests/contract/test_any_order.py` runs the same machine over the other adapters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from adapters.memory.decisions import MemoryDecisions
from adapters.memory.others import MemoryOrderCounts, MemoryProducts, MemoryStockView
from domain.inventory.stock import Ledger, StockLevel
from tests.machines.running import PATIENCE, breaks, run
from tests.machines.trade import Trade

pytestmark = pytest.mark.timeout(PATIENCE)


def trade(view: Any = MemoryStockView) -> Trade:
    return Trade(MemoryDecisions(), MemoryProducts(), view(), MemoryOrderCounts())


def test_trade_in_memory() -> None:
    run(trade, examples=300)


def test_the_machine_finds_a_promise_that_is_never_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "release", lambda *_: None)

    breaks(trade, examples=1000)


def test_the_machine_finds_a_version_that_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    change = Ledger._change

    def twice(self: Ledger, sku: str, **by: int) -> None:
        change(self, sku, **by)
        self._before[sku] = self._now[sku]
        change(self, sku)

    monkeypatch.setattr(Ledger, "_change", twice)

    breaks(trade, examples=1000)


class Forgetful(MemoryStockView):
    """A view that believes whatever comes last."""

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        self._history = {sku: held for sku, held in self._history.items() if sku not in {one.sku for one in levels}}
        return super().write(levels)


def test_the_machine_finds_a_view_that_goes_back() -> None:
    breaks(lambda: trade(Forgetful), examples=1000)

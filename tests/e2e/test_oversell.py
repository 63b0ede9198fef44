"""The promise that matters most: what is not there is not sold."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e.running import Up, eventually, tradepost
from tests.e2e.shop import Shop, at_once

pytestmark = pytest.mark.xdist_group("e2e")

OVER = {"FULFILLED", "REJECTED"}


def test_200_orders_at_once_for_50_units_sell_exactly_50(stack: Up, shop: Shop) -> None:
    customer, sku = shop.customer(), shop.product(stock=50)
    answers = at_once(200, lambda _: customer.order((sku, 1)))
    assert Counter(answer.status_code for answer in answers) == {202: 200}

    def outcomes() -> Counter[tuple[str, str | None]]:
        pages = [customer.get("/orders?limit=100")]
        pages.append(customer.get(f"/orders?limit=100&cursor={pages[0]['next_cursor']}"))
        return Counter((one["status"], one["reason"]) for page in pages for one in page["orders"])

    eventually(lambda: {status for status, _ in outcomes()} <= OVER, why=outcomes)
    assert outcomes() == {("FULFILLED", None): 50, ("REJECTED", "out_of_stock"): 150}
    assert shop.stock(sku) == (0, 0)
    assert shop.query("SELECT on_hand, allocated, shipped_total FROM product_info WHERE sku = %s", sku) == [(0, 0, 50)]
    assert customer.get(f"/inventory/{sku}")["sold_last_hour"] == 50
    shop.settled()
    assert tradepost("reconcile", state=stack.state.folder).returncode == 0

"""The domain's tests run on a shop in memory."""

from __future__ import annotations

import pytest

from tests.shop import Shop


@pytest.fixture
def shop() -> Shop:
    """Return a shop that sells tea at 250 and milk at 120 pence, ten of each in stock."""
    shop = Shop()
    shop.sell("TEA", 250, on_hand=10)
    shop.sell("MILK", 120, on_hand=10)
    return shop

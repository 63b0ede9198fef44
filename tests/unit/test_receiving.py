"""Taking units into stock."""

from __future__ import annotations

import pytest

from domain.errors import InvalidInput, KeyReused, NotFound
from domain.outbox import Topic
from tests.shop import NOON, Shop, key


def test_a_receipt_adds_to_the_stock_and_says_who_and_why(shop: Shop) -> None:
    receipt = shop.receive("TEA", 5)

    assert shop.stock("TEA") == (15, 0, 0)
    assert (receipt.sku, receipt.quantity, receipt.reason, receipt.actor) == ("TEA", 5, "purchase", "boss")
    assert (receipt.order_id, receipt.at, receipt.version) == (None, NOON, 2)
    assert shop.store.receipt(receipt.id) == receipt


def test_the_first_receipt_of_a_sku_makes_version_1(shop: Shop) -> None:
    shop.sell("WINE", 900)

    assert shop.receive("WINE", 3).version == 1
    assert shop.sent(Topic.EVENTS)[-1]["version"] == 1


def test_a_sku_is_received_however_it_is_spelled(shop: Shop) -> None:
    assert shop.receive(" tea ", 5).sku == "TEA"


def test_an_inactive_product_can_still_be_received(shop: Shop) -> None:
    """Returns of what is no longer sold."""
    shop.withdraw("TEA")

    assert shop.receive("TEA", 1, reason="return").version == 2


def test_a_sku_that_is_no_product_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound, match="GOLD"):
        shop.receive("GOLD", 1)


def test_a_return_names_its_order(shop: Shop) -> None:
    order = shop.place(("TEA", 1))

    assert shop.receive("TEA", 1, reason="return", order_id=order.id).order_id == order.id


def test_an_order_that_does_not_exist_is_named(shop: Shop) -> None:
    with pytest.raises(InvalidInput) as error:
        shop.receive("TEA", 1, reason="return", order_id="nothing")

    assert [one.field for one in error.value.problems] == ["order_id"]
    assert shop.stock("TEA") == (10, 0, 0)


def test_the_same_key_receives_once(shop: Shop) -> None:
    first = shop.receive("TEA", 5, key=key("k1"))
    shop.receive("TEA", 1)

    assert shop.receive("TEA", 5, key=key("k1")) == first
    assert shop.stock("TEA") == (16, 0, 0)


def test_a_key_with_another_receipt_is_refused(shop: Shop) -> None:
    shop.receive("TEA", 5, key=key("k1", "five"))

    with pytest.raises(KeyReused):
        shop.receive("TEA", 6, key=key("k1", "six"))

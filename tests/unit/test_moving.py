"""Moving stock by hand: receipts, adjustments, and their audit trail."""

from __future__ import annotations

import pytest

from domain.errors import Conflict, InvalidInput, KeyReused, NotFound
from domain.inventory.movement import Kind
from domain.inventory.moving import list_movements
from domain.orders.order import Status
from domain.outbox import Topic
from tests.shop import NOON, Shop, key


def test_a_receipt_adds_to_the_stock_and_says_who_and_why(shop: Shop) -> None:
    receipt = shop.receive("TEA", 5)

    assert shop.stock("TEA") == (15, 0, 0)
    assert (receipt.sku, receipt.quantity, receipt.kind, receipt.actor) == ("TEA", 5, Kind.PURCHASE, "boss")
    assert (receipt.reason, receipt.order_id, receipt.at, receipt.version) == (None, None, NOON, 2)
    assert shop.store.movement(receipt.id) == receipt


def test_the_first_receipt_of_a_sku_makes_version_1(shop: Shop) -> None:
    shop.sell("WINE", 900)

    assert shop.receive("WINE", 3).version == 1
    assert shop.sent(Topic.EVENTS)[-1]["version"] == 1


def test_a_sku_is_received_however_it_is_spelled(shop: Shop) -> None:
    assert shop.receive(" tea ", 5).sku == "TEA"


def test_an_inactive_product_can_still_be_received(shop: Shop) -> None:
    """Returns of what is no longer sold."""
    shipped = shop.shipped(("TEA", 1))
    shop.withdraw("TEA")

    assert shop.take_back("TEA", 1, shipped).quantity == 1
    assert shop.receive("TEA", 1).quantity == 1


def test_a_sku_that_is_no_product_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound, match="GOLD"):
        shop.receive("GOLD", 1)


def test_a_return_names_its_order_and_is_on_hand_again(shop: Shop) -> None:
    shipped = shop.shipped(("TEA", 3))

    returned = shop.take_back("TEA", 2, shipped)

    assert (returned.kind, returned.quantity, returned.order_id) == (Kind.RETURN, 2, shipped.id)
    assert shop.stock("TEA") == (9, 0, 3)
    assert shop.order(shipped.id) == shipped


@pytest.mark.parametrize(
    ("kind", "order_id"),
    [(Kind.RETURN, "nothing"), (Kind.RETURN, None), (Kind.RETURN, ""), (Kind.PURCHASE, "nothing")],
)
def test_a_return_needs_an_order_that_exists_and_a_purchase_none(shop: Shop, kind: Kind, order_id: str | None) -> None:
    with pytest.raises(InvalidInput) as error:
        shop.receive("TEA", 1, kind=kind, order_id=order_id)

    assert [one.field for one in error.value.problems] == ["order_id"]
    assert shop.stock("TEA") == (10, 0, 0)


def test_a_purchase_belongs_to_no_customers_order(shop: Shop) -> None:
    with pytest.raises(InvalidInput):
        shop.receive("TEA", 1, order_id=shop.shipped(("TEA", 1)).id)


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.FULFILLED])
def test_nothing_comes_back_of_an_order_that_has_not_shipped(shop: Shop, status: Status) -> None:
    order = shop.place(("TEA", 11 if status is Status.REJECTED else 1))
    if status in (Status.CONFIRMED, Status.REJECTED):
        shop.allocate(order.id)
    if status is Status.CANCELLED:
        shop.cancel(order.id)
    before = shop.level("TEA")

    with pytest.raises(Conflict, match=status):
        shop.take_back("TEA", 1, order)

    assert shop.level("TEA") == before
    assert shop.order(order.id).status is status


def test_no_more_comes_back_than_the_order_shipped(shop: Shop) -> None:
    """Over all its lines of the sku, and over all its returns."""
    shipped = shop.shipped(("TEA", 2), ("TEA", 3))
    shop.take_back("TEA", 1, shipped)
    shop.take_back("TEA", 2, shipped)

    with pytest.raises(Conflict, match="shipped 5 of TEA, of which 2 can still come back: 3 cannot"):
        shop.take_back("TEA", 3, shipped)

    shop.take_back("TEA", 2, shipped)
    with pytest.raises(Conflict, match="of which 0 can still come back"):
        shop.take_back("TEA", 1, shipped)
    assert shop.stock("TEA") == (10, 0, 5)


def test_nothing_comes_back_that_the_order_did_not_hold(shop: Shop) -> None:
    shop.receive("MILK", 5)
    shipped = shop.shipped(("TEA", 2))

    with pytest.raises(Conflict, match="shipped 0 of MILK"):
        shop.take_back("MILK", 1, shipped)


def test_each_order_and_each_sku_has_its_own_returns(shop: Shop) -> None:
    """And purchases and adjustments are none."""
    shop.receive("MILK", 5)
    first, second = shop.shipped(("TEA", 1), ("MILK", 1)), shop.shipped(("TEA", 1))
    shop.adjust("TEA", 1)
    shop.receive("TEA", 1)

    for sku, shipped in (("TEA", first), ("MILK", first), ("TEA", second)):
        shop.take_back(sku, 1, shipped)
        with pytest.raises(Conflict):
            shop.take_back(sku, 1, shipped)


def test_the_same_key_takes_back_once_though_nothing_more_could_come_back(shop: Shop) -> None:
    shipped = shop.shipped(("TEA", 1))

    first = shop.take_back("TEA", 1, shipped, key=key("k1"))

    assert shop.take_back("TEA", 1, shipped, key=key("k1")) == first
    assert shop.stock("TEA") == (10, 0, 1)


def test_a_refused_return_does_not_use_up_its_key(shop: Shop) -> None:
    order = shop.place(("TEA", 1))
    with pytest.raises(Conflict):
        shop.take_back("TEA", 1, order, key=key("k1"))
    shop.allocate(order.id)
    shop.ship(order.id)

    assert shop.take_back("TEA", 1, order, key=key("k1")).order_id == order.id


def test_the_same_key_receives_once(shop: Shop) -> None:
    first = shop.receive("TEA", 5, key=key("k1"))
    shop.receive("TEA", 1)

    assert shop.receive("TEA", 5, key=key("k1")) == first
    assert shop.stock("TEA") == (16, 0, 0)


def test_a_key_with_another_receipt_is_refused(shop: Shop) -> None:
    shop.receive("TEA", 5, key=key("k1", "five"))

    with pytest.raises(KeyReused):
        shop.receive("TEA", 6, key=key("k1", "six"))


@pytest.mark.parametrize(("change", "left"), [(3, 13), (-3, 7), (-10, 0)])
def test_an_adjustment_changes_the_stock_and_says_who_and_why(shop: Shop, change: int, left: int) -> None:
    adjusted = shop.adjust("tea", change, reason="broken", actor="eve")

    assert shop.stock("TEA") == (left, 0, 0)
    assert (adjusted.sku, adjusted.kind, adjusted.quantity) == ("TEA", Kind.ADJUSTMENT, change)
    assert (adjusted.reason, adjusted.actor, adjusted.at, adjusted.version) == ("broken", "eve", NOON, 2)
    assert shop.store.movement(adjusted.id) == adjusted
    assert (shop.sent(Topic.EVENTS)[-1]["version"], shop.sent(Topic.EVENTS)[-1]["on_hand"]) == (2, left)


def test_what_is_promised_to_orders_cannot_be_adjusted_away(shop: Shop) -> None:
    shop.allocate(shop.place(("TEA", 4)).id)
    before, sent = shop.level("TEA"), len(shop.publisher.sent)

    with pytest.raises(Conflict, match="TEA"):
        shop.adjust("TEA", -7)

    assert shop.level("TEA") == before
    assert len(shop.publisher.sent) == sent
    assert shop.adjust("TEA", -6).version == before.version + 1
    assert shop.stock("TEA") == (4, 4, 0)


def test_a_sku_without_stock_can_be_adjusted_upwards_only(shop: Shop) -> None:
    shop.sell("WINE", 900)

    with pytest.raises(Conflict, match="WINE"):
        shop.adjust("WINE", -1)

    assert "WINE" not in [level.sku for level in shop.store.stock_levels(10)]
    assert shop.adjust("WINE", 1).version == 1


def test_only_products_are_adjusted(shop: Shop) -> None:
    with pytest.raises(NotFound, match="GOLD"):
        shop.adjust("GOLD", 1)


def test_the_same_key_adjusts_once(shop: Shop) -> None:
    first = shop.adjust("TEA", -10, key=key("k1"))

    assert shop.adjust("TEA", -10, key=key("k1")) == first
    assert shop.stock("TEA") == (0, 0, 0)


def test_a_refused_adjustment_does_not_use_up_its_key(shop: Shop) -> None:
    with pytest.raises(Conflict):
        shop.adjust("TEA", -11, key=key("k1"))
    shop.receive("TEA", 1)

    shop.adjust("TEA", -11, key=key("k1"))
    assert shop.stock("TEA") == (0, 0, 0)


def test_movements_are_listed_newest_first_in_pages(shop: Shop) -> None:
    """However orders have changed the stock between them."""
    moved = [shop.receive("TEA", 5), shop.adjust("TEA", -1)]
    moved += [shop.take_back("TEA", 1, shop.shipped(("TEA", 4))), shop.adjust("TEA", 2)]

    first = list_movements("tea", shop.products, shop.store, 2)
    second = list_movements("tea", shop.products, shop.store, 2, before=first[-1].version)

    assert [*first, *second] == moved[::-1]


def test_a_product_that_never_moved_has_no_movements_and_no_product_is_not_found(shop: Shop) -> None:
    shop.sell("WINE", 900)

    assert list(list_movements("WINE", shop.products, shop.store, 10)) == []
    with pytest.raises(NotFound, match="GOLD"):
        list_movements("GOLD", shop.products, shop.store, 10)

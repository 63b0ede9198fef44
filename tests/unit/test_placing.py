"""Placing, reading and listing orders."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import InvalidInput, KeyReused, NotFound
from domain.idempotency import RETENTION
from domain.orders.order import Line, Status
from domain.orders.placing import MAX_TOTAL, get_order
from domain.outbox import Topic
from tests.shop import NOON, Shop, key


def problems(error: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {one.field: one.message for one in error.value.problems}


def test_an_order_has_the_catalogues_prices(shop: Shop) -> None:
    order = shop.place(("TEA", 2), ("MILK", 3))

    assert order.lines == (Line("TEA", 2, 250), Line("MILK", 3, 120))
    assert order.total_minor == 2 * 250 + 3 * 120
    assert (order.status, order.reason, order.version) == (Status.PLACED, None, 1)
    assert (order.currency, order.line_count, order.customer_id) == ("GBP", 2, "ann")
    assert order.placed_at == order.updated_at == NOON


def test_an_order_is_stored_with_its_first_step(shop: Shop) -> None:
    placed = shop.place(("TEA", 2))

    order, events = get_order(placed.id, "ann", shop.store)

    assert order == placed
    assert [(event.version, event.status, event.at) for event in events] == [(1, Status.PLACED, NOON)]


def test_a_placed_order_asks_for_stock_and_is_streamed(shop: Shop) -> None:
    order = shop.place(("TEA", 2))

    assert shop.sent(Topic.PLACED) == [{"order_id": order.id}]
    assert shop.sent(Topic.EVENTS)[-1] == {
        "type": "order",
        "order_id": order.id,
        "version": 1,
        "status": "PLACED",
        "reason": None,
        "total_minor": 500,
        "at": "2026-11-20T12:00:00+00:00",
    }
    assert shop.store.backlog().number == 0


def test_placing_touches_no_stock(shop: Shop) -> None:
    shop.place(("TEA", 99))

    assert shop.stock("TEA") == (10, 0, 0)


def test_the_same_sku_may_come_on_several_lines(shop: Shop) -> None:
    order = shop.place(("TEA", 2), ("MILK", 1), ("TEA", 3))

    assert [line.sku for line in order.lines] == ["TEA", "MILK", "TEA"]
    assert order.quantities == {"TEA": 5, "MILK": 1}
    assert order.total_minor == 5 * 250 + 120


def test_unknown_and_inactive_products_are_named_with_their_lines(shop: Shop) -> None:
    shop.withdraw("MILK")

    with pytest.raises(InvalidInput) as error:
        shop.place(("TEA", 1), ("MILK", 1), ("GOLD", 1))

    assert problems(error) == {"lines[1].sku": "MILK is not sold", "lines[2].sku": "GOLD is not sold"}


def test_mixed_currencies_are_named(shop: Shop) -> None:
    shop.sell("WINE", 900, currency="EUR")

    with pytest.raises(InvalidInput) as error:
        shop.place(("TEA", 1), ("WINE", 1))

    assert problems(error) == {"lines": "currencies found: EUR and GBP"}


def test_a_total_beyond_what_json_numbers_hold_is_refused(shop: Shop) -> None:
    """A double holds whole numbers up to 2**53 - 1, and so do most readers of JSON (RFC 8259, section 6)."""
    shop.sell("MOON", MAX_TOTAL)

    assert shop.place(("MOON", 1)).total_minor == MAX_TOTAL
    with pytest.raises(InvalidInput) as error:
        shop.place(("MOON", 1), ("TEA", 1))

    assert list(problems(error)) == ["lines"]


def test_a_refused_order_leaves_nothing_behind(shop: Shop) -> None:
    """Not even its key, which a corrected request may use."""
    again = key("k1")
    with pytest.raises(InvalidInput):
        shop.place(("GOLD", 1), under=again)

    shop.sell("GOLD", 100_000)

    assert shop.place(("GOLD", 1), under=again).total_minor == 100_000
    assert len(shop.store.orders_of("ann", 10)) == 1


def test_the_same_key_returns_the_first_order(shop: Shop) -> None:
    first = shop.place(("TEA", 2), under=key("k1"))
    second = shop.place(("TEA", 2), under=key("k1"))

    assert second == first
    assert len(shop.sent(Topic.PLACED)) == 1


def test_a_replay_shows_the_order_as_placed_even_after_it_was_fulfilled(shop: Shop) -> None:
    first = shop.place(("TEA", 2), under=key("k1"))
    shop.clock.tick(minutes=5)
    shop.allocate(first.id)
    shop.ship(first.id)

    assert shop.order(first.id).status is Status.FULFILLED
    assert shop.place(("TEA", 2), under=key("k1")) == first


def test_a_replay_shows_the_order_as_placed_even_after_it_was_rejected(shop: Shop) -> None:
    first = shop.place(("TEA", 11), under=key("k1"))
    shop.allocate(first.id)

    assert shop.place(("TEA", 11), under=key("k1")) == first


def test_a_replay_works_after_the_product_was_deactivated(shop: Shop) -> None:
    first = shop.place(("TEA", 2), under=key("k1"))
    shop.withdraw("TEA")

    assert shop.place(("TEA", 2), under=key("k1")) == first


def test_a_key_with_another_request_is_refused(shop: Shop) -> None:
    shop.place(("TEA", 2), under=key("k1", "two teas"))

    with pytest.raises(KeyReused):
        shop.place(("TEA", 3), under=key("k1", "three teas"))


def test_a_key_is_forgotten_after_its_retention_and_not_before(shop: Shop) -> None:
    first = shop.place(("TEA", 2), under=key("k1"))

    shop.clock.now = NOON + RETENTION - timedelta(microseconds=1)
    assert shop.place(("TEA", 2), under=key("k1")) == first

    shop.clock.now = NOON + RETENTION
    assert shop.place(("TEA", 2), under=key("k1")).id != first.id


def test_an_expired_key_may_carry_another_request(shop: Shop) -> None:
    shop.place(("TEA", 2), under=key("k1", "two teas"))
    shop.clock.tick(hours=24)

    assert shop.place(("TEA", 3), under=key("k1", "three teas")).total_minor == 750


@pytest.mark.parametrize("order_id", ["nothing", ""])
def test_an_unknown_order_is_not_found(shop: Shop, order_id: str) -> None:
    with pytest.raises(NotFound):
        shop.order(order_id)


def test_anothers_order_is_not_found(shop: Shop) -> None:
    order = shop.place(customer_id="ann")

    with pytest.raises(NotFound):
        shop.order(order.id, "bob")

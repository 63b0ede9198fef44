"""What must hold when everything has come to rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg

from adapters.postgres.transaction import LEVEL, level
from domain.inventory.stock import StockLevel
from tests.simulation.customers import OLD, Plan
from tests.simulation.queues import POISON
from tests.simulation.world import World

LEGAL = {
    ("PLACED",),
    ("PLACED", "REJECTED"),
    ("PLACED", "CANCELLED"),
    ("PLACED", "CONFIRMED", "CANCELLED"),
    ("PLACED", "CONFIRMED", "REJECTED"),
    ("PLACED", "CONFIRMED", "FULFILLED"),
}
OUTCOMES = ("REJECTED", "CANCELLED", "FULFILLED")

Database = psycopg.Connection[Any]


def levels(database: Database) -> list[StockLevel]:
    """Return all stock as it was decided."""
    return [level(row) for row in database.execute(f"SELECT {LEVEL} FROM product_info ORDER BY sku")]


def record(one: StockLevel) -> bytes:
    """Return a level as the stream carries it."""
    return json.dumps(one.message().body).encode()


def violations(database: Database, world: World, plan: Plan) -> list[str]:
    """Return everything that is wrong."""
    return [
        *_orders(database, plan),
        *_stock(database, plan),
        *_projection(database, world),
        *_published_once(world),
        *_nothing_left(database, world),
    ]


def _orders(database: Database, plan: Plan) -> Iterator[str]:
    """Every accepted order exists once and has exactly one outcome; there is no other."""
    accepted = {one.body["id"]: one for one in plan.orders if one.status == 202}
    found = dict(database.execute("SELECT id::text, status FROM orders WHERE id <> %s", [OLD]).fetchall())
    for one in plan.orders:
        if not one.answered:
            yield f"{one.name} was never answered"
    if missing := accepted.keys() - found.keys():
        yield f"accepted and lost: {len(missing)} orders"
    if more := found.keys() - accepted.keys():
        yield f"nobody asked for {len(more)} orders"
    events = database.execute("SELECT order_id::text, version, status FROM order_events ORDER BY version").fetchall()
    for order_id, status in found.items():
        rows = [(version, step) for one, version, step in events if one == order_id]
        steps = tuple(step for _, step in rows)
        if (
            steps not in LEGAL
            or steps[-1] != status
            or [version for version, _ in rows] != list(range(1, len(rows) + 1))
        ):
            yield f"order {order_id} is {status} after {steps}"
        if status not in OUTCOMES:
            yield f"order {order_id} has no outcome: {status}"
    for one in plan.others:
        if one.module == "cancel_order" and one.status == 200 and found.get(one.body["id"]) != "CANCELLED":
            yield f"{one.name} was answered 200, and the order is {found.get(one.body['id'])}"


def _stock(database: Database, plan: Plan) -> Iterator[str]:
    """on_hand = opening + received + adjusted - shipped + returned, and nothing is promised any more.

    The opening counts what the old order has shipped since.
    """
    shipped: Counter[str] = Counter()
    for sku, units in database.execute(
        "SELECT sku, sum(quantity)::int FROM order_lines JOIN orders ON orders.id = order_id"
        " WHERE status = 'FULFILLED' GROUP BY sku"
    ):
        shipped[sku] = units
    moved: Counter[str] = Counter()
    for one in plan.others:
        if one.quantity and one.status == 201:
            moved[one.sku] += one.quantity
    for one in levels(database):
        wanted = plan.stock[one.sku] + moved[one.sku] - shipped[one.sku]
        if one.on_hand != wanted:
            yield f"{one.sku}: {one.on_hand} on hand, and {wanted} by what was answered"
        if one.on_hand < one.allocated or one.allocated:
            yield f"{one.sku}: {one.allocated} of {one.on_hand} are still promised"
        if one.shipped_total != shipped[one.sku]:
            yield f"{one.sku}: {one.shipped_total} shipped, and {shipped[one.sku]} by the orders"


def _projection(database: Database, world: World) -> Iterator[str]:
    """Readers see what was decided."""
    seen = {one.sku: one for one in world.view.levels()}
    for one in levels(database):
        if seen.get(one.sku) != one:
            yield f"{one.sku}: decided {one}, projected {seen.get(one.sku)}"
    lost = [json.loads(one.data) for one in world.stream.records if one.lost]
    unread = [(one["order_id"], one["status"]) for one in lost if one["type"] == "order"]
    for order_id, status, at in database.execute("SELECT order_id::text, status, at FROM order_events"):
        minute = at.replace(second=0, microsecond=0)
        if order_id not in world.counts._orders[minute, status] and (order_id, status) not in unread:
            yield f"order {order_id} is not counted as {status}"


def _published_once(world: World) -> Iterator[str]:
    """Whatever was published of one version is the same."""
    said: dict[tuple[str, int], str] = {}
    for one in world.stream.records:
        if one.key == POISON:
            continue
        body = json.loads(one.data)
        key = (body.get("sku") or body["order_id"], body["version"])
        if said.setdefault(key, one.data.decode()) != one.data.decode():
            yield f"two different records of {key}: {said[key]} and {one.data.decode()}"


def _nothing_left(database: Database, world: World) -> Iterator[str]:
    ((waiting,),) = database.execute("SELECT count(*) FROM outbox").fetchall()
    if waiting:
        yield f"{waiting} messages are still in the outbox"
    for queue in world.tasks.values():
        if queue.messages or (queue.dead and queue.dead.named):
            yield f"the queue {queue.name} is not empty"
    if world.stream.waiting:
        yield "the stream is not read to its end"

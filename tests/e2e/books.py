"""What must be true of a shop at rest, whatever happened to it before."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from tests.e2e.shop import Shop

WAYS = (
    ("PLACED", "REJECTED"),
    ("PLACED", "CANCELLED"),
    ("PLACED", "CONFIRMED", "CANCELLED"),
    ("PLACED", "CONFIRMED", "FULFILLED"),
)
"""The ways of an order: each has one outcome, at its end."""

UNBALANCED = """
SELECT sku, on_hand, allocated, shipped_total, moved.units, shipped.units FROM product_info
CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS units FROM movements WHERE sku = product_info.sku) moved
CROSS JOIN LATERAL (
  SELECT coalesce(sum(quantity), 0) AS units FROM order_lines JOIN orders ON orders.id = order_id
  WHERE sku = product_info.sku AND status = 'FULFILLED'
) shipped
WHERE on_hand <> moved.units - shipped.units OR shipped_total <> shipped.units OR allocated <> 0 OR on_hand < 0
"""
"""Skus whose stock is not what came in and was adjusted without what was shipped, or that is promised to nobody."""

RETURNED_TOO_MUCH = """
SELECT order_id, sku, back.units, shipped.units
FROM (SELECT order_id, sku, sum(quantity) AS units FROM movements WHERE kind = 'return' GROUP BY order_id, sku) back
LEFT JOIN (
  SELECT order_id, sku, sum(quantity) AS units FROM order_lines JOIN orders ON orders.id = order_id
  WHERE status = 'FULFILLED' GROUP BY order_id, sku
) shipped USING (order_id, sku)
WHERE back.units > coalesce(shipped.units, 0)
"""
"""Returns of more than an order shipped."""

STEPS = """
SELECT orders.id::text, orders.status, orders.version, array_agg(event.status ORDER BY event.version)
FROM orders JOIN order_events event ON event.order_id = orders.id GROUP BY orders.id
"""


def check_books(shop: Shop) -> None:
    """Wait until everything is done; check every order, every sku, queues, dead letters and both sides."""
    status = shop.settled()
    assert status["outbox"] == 0
    assert set(status["dead_letters"].values()) == {0}
    wrong = [row for row in shop.query(STEPS) if tuple(row[3]) not in WAYS or row[1:3] != (row[3][-1], len(row[3]))]
    assert wrong == []
    assert shop.query(UNBALANCED) == []
    assert shop.query(RETURNED_TOO_MUCH) == []
    assert shop.query("SELECT deadlocks FROM pg_stat_database WHERE datname = 'inventory'") == [(0,)]
    compared = json.loads(shop.invoke("ReconcileFunction", b'{"grace_seconds": 0}'))
    assert (compared["differing"], compared["differences"]) == (0, [])


def check_versions(shop: Shop, skus: Collection[str]) -> None:
    """Check that the stream tells every version of these skus, none below zero and none in two forms."""
    told: dict[tuple[str, int], set[tuple[int, int, int]]] = {}
    for one in _records(shop):
        if one["type"] == "stock" and one["sku"] in skus:
            level = (one["on_hand"], one["allocated"], one["shipped_total"])
            assert 0 <= one["allocated"] <= one["on_hand"]
            told.setdefault((one["sku"], one["version"]), set()).add(level)
    assert {len(levels) for levels in told.values()} == {1}
    last = dict(shop.query("SELECT sku, version FROM product_info WHERE sku = ANY(%s)", list(skus)))
    assert told.keys() == {(sku, version + 1) for sku in skus for version in range(last[sku])}


def _records(shop: Shop) -> Iterator[Any]:
    kinesis, stream = shop.info.client("kinesis"), shop.info.resources["Stream"]
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"])
        while answer["Records"]:
            yield from (json.loads(record["Data"]) for record in answer["Records"])
            answer = kinesis.get_records(ShardIterator=answer["NextShardIterator"])

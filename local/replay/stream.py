"""When readers could see what an order did to the stock.

An order's last step ships it: one transaction that gives each of its skus a new version, dated before the
order's own event and after every version before it, since the rows are locked in between. Readers see the order
once the projection has written that version, or a newer one, of the slowest sku. The stream tells where each
version stands; the projection logs up to where it has written.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, NamedTuple

from local.replay.evidence import Outcome
from local.replay.function_log import Batch

MOST_RECORDS = 10_000
NEVER = datetime.max.replace(tzinfo=UTC)


class StockRecord(NamedTuple):
    """One version of a sku as the stream carries it."""

    sku: str
    version: int
    at: datetime
    shard: str
    sequence: int


def stock_records(kinesis: Any, stream: str, since: datetime) -> Sequence[StockRecord]:
    """Return the stock records written since a time."""
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    return [
        StockRecord(body["sku"], body["version"], datetime.fromisoformat(body["at"]), shard["ShardId"], sequence)
        for shard in shards
        for sequence, body in _records(kinesis, stream, shard["ShardId"], since)
        if body["type"] == "stock"
    ]


def _records(kinesis: Any, stream: str, shard: str, since: datetime) -> Iterator[tuple[int, Mapping[str, Any]]]:
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=since
    )["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=MOST_RECORDS)
        for record in answer["Records"]:
            yield int(record["SequenceNumber"]), json.loads(record["Data"])
        iterator = answer.get("NextShardIterator") if answer["Records"] or answer.get("MillisBehindLatest") else None


def visible_at(
    outcomes: Iterable[Outcome], records: Iterable[StockRecord], batches: Iterable[Batch]
) -> Mapping[str, datetime]:
    """Return by id when each fulfilled order's effect could be seen, as far as that is known."""
    written = _written_at(batches)
    versions: dict[str, list[StockRecord]] = defaultdict(list)
    for record in records:
        versions[record.sku].append(record)
    skus = {sku: _Versions(found, written) for sku, found in versions.items()}
    seen = {}
    for order in outcomes:
        if order.fulfilled_at and order.quantities.keys() <= skus.keys():
            at = max(skus[sku].visible(order.fulfilled_at) for sku in order.quantities)
            if at is not NEVER:
                seen[order.order_id] = at
    return seen


class _Written:
    """When each record of a shard was written by the projection."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._untils = list(accumulate((batch.until for batch in batches), max))
        self._batches = batches

    def at(self, sequence: int) -> datetime:
        first = bisect_left(self._untils, sequence)
        return self._batches[first].at if first < len(self._batches) else NEVER


class _Versions:
    """One sku's versions: when each was decided, and when readers first saw it or a newer one."""

    def __init__(self, records: Sequence[StockRecord], written: Mapping[str, _Written]) -> None:
        ordered = sorted(records, key=lambda record: record.version)
        times = [written[one.shard].at(one.sequence) if one.shard in written else NEVER for one in ordered]
        self._decided = list(accumulate((record.at for record in ordered), max))
        self._visible = list(accumulate(reversed(times), min))[::-1]

    def visible(self, decided_by: datetime) -> datetime:
        """Return when readers first saw the last version decided by then, or a newer one."""
        last = bisect_right(self._decided, decided_by) - 1
        return self._visible[last] if last >= 0 else NEVER


def _written_at(batches: Iterable[Batch]) -> Mapping[str, _Written]:
    shards: dict[str, list[Batch]] = defaultdict(list)
    for batch in batches:
        shards[batch.shard].append(batch)
    return {shard: _Written(found) for shard, found in shards.items()}

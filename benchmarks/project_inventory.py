"""Stock records a second that ProjectInventory writes to DynamoDB, beside one conditional write per record.

PYTHONPATH=src:. .venv/bin/python benchmarks/project_inventory.py

The batch is a full one: as many records as Lambda hands over at once (6 MB, or the template's BatchSize). It is tried
on two tables: on one that answers after 4 ms without using the processor, as DynamoDB does from afar, which shows what
waiting side by side is worth; and on MiniStack in another process, whose work for each call shares our processors,
which shows the number of calls. The tables must come to hold the same.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.system import now
from benchmarks.peers import Projector
from benchmarks.turns import arguments, number, ratios, silence, spread, table, take_turns
from benchmarks.wire import VARIABLES, Wire
from domain.inventory.stock import StockLevel
from tests.cloud import Cloud, unique
from tests.events import Context, kinesis
from tests.servers import ministack
from tests.template import functions

Handler = Callable[[dict[str, Any], Any], Any]
PAYLOAD = 6 * 1024 * 1024
"""Most bytes of one invocation (Lambda quotas, "Invocation payload")."""
FEW = 50
OURS, PEER = "ours", "peer: one conditional write per record"


def full_batch() -> int:
    """Return how many stock records Lambda hands over at once: what fits, or the template's BatchSize."""
    (record,) = kinesis(dict(_level("SKU-00001", 10**6, now()).message().body))["Records"]
    record["kinesis"] |= {"partitionKey": "SKU-00001", "sequenceNumber": "4" * 56}
    record["eventID"] = f"shardId-000000000000:{'4' * 56}"
    source = functions()["ProjectInventoryFunction"]["Events"]["Stream"]["Properties"]
    return min(int(source["BatchSize"]), PAYLOAD // len(json.dumps(record, separators=(",", ":"))))


def _level(sku: str, version: int, at: datetime) -> StockLevel:
    return StockLevel(sku, 1_000_000 - version, 100, version, version, at)


class Stream:
    """Batches of stock, one after the other: every sku goes on where it was, all within one hour."""

    def __init__(self, records: int, skus: int) -> None:
        self._chance = random.Random(1)
        self._records = records
        self._versions = {f"SKU-{i:05}": 0 for i in range(skus)}
        self._at = now().replace(minute=0, second=0, microsecond=0)

    def next(self) -> dict[str, Any]:
        """Return the next batch: each sku equally often, in a mixed order."""
        names = list(self._versions)
        skus = [names[i % len(names)] for i in range(self._records)]
        self._chance.shuffle(skus)
        self._at += timedelta(seconds=1)
        return kinesis(*(self._change(sku) for sku in skus))

    def _change(self, sku: str) -> dict[str, Any]:
        self._versions[sku] += 1
        return dict(_level(sku, self._versions[sku], self._at).message().body)


def project(handler: Handler, event: dict[str, Any]) -> float:
    """Let a handler project a batch; return its seconds."""
    with silence():
        began = time.perf_counter()
        answer = handler(event, Context())
        took = time.perf_counter() - began
    assert answer == {"batchItemFailures": []}
    return took


class FarAway:
    """A table that answers after a while, and costs this machine nothing."""

    def __init__(self, wire: Wire) -> None:
        self.name = f"a table {wire.latency * 1000:g} ms away"
        self._wire = wire

    def table(self) -> str:
        """Make a table; return its name."""
        return unique()

    def items(self, table: str) -> Iterable[Mapping[str, Any]]:
        """Return what it holds."""
        return self._wire.tables[table].values()


class Emulated:
    """MiniStack's tables."""

    name = "MiniStack's table"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def table(self) -> str:
        """Make a table; return its name."""
        return self._cloud.table("InventoryTable")

    def items(self, table: str) -> Iterable[Mapping[str, Any]]:
        """Return what it holds."""
        pages = self._cloud.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]


def compare(tables: FarAway | Emulated, rounds: int, records: int, skus: int) -> None:
    """Let both project the same batches in turn; print records a second, and by how much ours are more."""
    from adapters.aws import client  # noqa: PLC0415 - with its variables set
    from handlers import project_inventory  # noqa: PLC0415 - as above
    from handlers.wiring.views import stock_view  # noqa: PLC0415 - as above

    mine, theirs = tables.table(), tables.table()
    os.environ["INVENTORY_TABLE"] = mine
    stock_view.cache_clear()
    contestants: dict[str, tuple[Handler, Stream]] = {
        OURS: (project_inventory.handler, Stream(records, skus)),
        PEER: (Projector(client("dynamodb"), theirs).handler, Stream(records, skus)),
    }
    turns = {
        name: lambda handler=handler, stream=stream: project(handler, stream.next())
        for name, (handler, stream) in contestants.items()
    }
    seconds = take_turns(turns, rounds, f"{tables.name}, {skus} skus")
    assert _stock(tables.items(mine)) == _stock(tables.items(theirs)), "they wrote different stock"
    rows = []
    for name, took in seconds.items():
        more = "" if name == OURS else f"{spread(ratios(took, seconds[OURS]), 1)} x"
        rows.append([name, spread([records / one for one in took]), spread(took, 2), more])
    table(f"ProjectInventory: {records:,} records of {skus:,} skus, {tables.name}",
          ["", "records/s", "s a batch", "ours are more by"], rows)  # fmt: skip


def _stock(items: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    columns = ("version", "on_hand", "allocated", "shipped_total")
    return {item["sku"]["S"]: tuple(item[column]["N"] for column in columns) for item in items}


def main() -> None:
    """Compare with few skus and with as many as records, far away and emulated."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument("--records", type=number, default=full_batch(), help="a full batch: %(default)s")
    parser.add_argument("--away", type=number, default=4, help="milliseconds until a table answers (%(default)s)")
    asked = parser.parse_args()
    os.environ.update(VARIABLES)
    wire = Wire(latency=asked.away / 1000)
    with wire.connected():
        compare_both(FarAway(wire), asked)
    with TemporaryDirectory() as folder, ministack(Path(folder)) as cloud:
        os.environ["AWS_ENDPOINT_URL"] = str(cloud.endpoint)
        compare_both(Emulated(cloud), asked)


def compare_both(tables: FarAway | Emulated, asked: Any) -> None:
    """Compare with few skus, and with one of its own for each record."""
    for skus in (FEW, asked.records):
        compare(tables, asked.rounds, asked.records, skus)


if __name__ == "__main__":
    main()

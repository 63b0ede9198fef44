"""The projected stock in DynamoDB: one item per sku, written only by newer versions.

Beside the level an item keeps `shipped_total` by minute, for the hour of the newest level and for the hour
written before it: bounded, and enough to know what was sold within the last hour.

    sku (key)    | version, on_hand, allocated, shipped_total, updated_at
    sold_hour    | the hour of the newest level, counted from 1970
    sold         | {minute since 1970: shipped_total at its end}, in that hour
    sold_base    | shipped_total before that hour
    earlier, earlier_base | the same two of the hour before it
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from adapters.aws import PARALLEL, available
from domain.inventory.projection import Stock, newest, oldest
from domain.inventory.stock import StockLevel

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEVEL = "version = :version, on_hand = :on_hand, allocated = :allocated, shipped_total = :shipped, updated_at = :at"


@dataclass(frozen=True)
class Step:
    """One way to write a level: what changes besides it, when that may happen, and the names it uses."""

    change: str
    condition: str
    names: tuple[str, ...] = ()
    values: tuple[str, ...] = (":hour",)


SAME_HOUR = Step("sold.#minute = :shipped", "version < :version AND sold_hour = :hour", ("#minute",))
NEXT_HOUR = Step(
    "earlier = sold, earlier_base = sold_base, sold_base = shipped_total, sold = :sold, sold_hour = :hour",
    "version < :version AND sold_hour <> :hour",
    values=(":hour", ":sold"),
)
FIRST = Step(
    "sold_base = :before, sold = :sold, sold_hour = :hour",
    "attribute_not_exists(version)",
    values=(":hour", ":sold", ":before"),
)
ANEW = Step(
    "sold_base = :shipped, sold = :sold, sold_hour = :hour REMOVE earlier, earlier_base",
    "version = :seen",
    values=(":hour", ":sold", ":seen"),
)

T = TypeVar("T")


class DynamoStockView:
    """The view in one table; at most `parallel` writes at once."""

    def __init__(self, client: DynamoDBClient, table: str, parallel: int = PARALLEL) -> None:
        self._client = client
        self._table = table
        self._parallel = parallel

    def write(self, levels: Collection[StockLevel]) -> Mapping[str, Exception]:
        """Write the newest level of each sku unless the view has that version or a newer one.

        One conditional write per sku, and one more for a sku's first write in an hour. Returns the errors by sku.
        """
        first = oldest(levels)
        return self._each(
            {level.sku: level for level in newest(levels)}, lambda one: self._write_one(one, first[one.sku])
        )

    def replace(self, pairs: Collection[tuple[StockLevel, StockLevel | None]]) -> Mapping[str, Exception]:
        """Put the second level of each pair, or nothing, in the place of the first; the sales rate begins anew.

        One conditional write per pair. Where the view no longer has that very version it stays as it is. Returns the
        errors by sku.
        """
        return self._each({seen.sku: (seen, level) for seen, level in pairs}, lambda pair: self._replace_one(*pair))

    def read(self, sku: str, now: datetime) -> Stock | None:
        """Return one sku's stock."""
        with available():
            found = self._client.get_item(TableName=self._table, Key={"sku": {"S": sku}}, ConsistentRead=True)
        if not (item := found.get("Item")):
            return None
        return _stock(item, now)

    def page(self, limit: int, now: datetime, after: str | None = None) -> Sequence[Stock]:
        """Return up to `limit` skus' stock behind the sku `after`, in the order of a scan: DynamoDB's own, by hash.

        A scan starts behind any key, whether or not it still has an item, and one answer ends at 1 MB.
        """
        found: list[Stock] = []
        start: Mapping[str, Any] = {"ExclusiveStartKey": {"sku": {"S": after}}} if after else {}
        while True:
            with available():
                answer = self._client.scan(
                    TableName=self._table, ConsistentRead=True, Limit=limit - len(found), **start
                )
            found += [_stock(item, now) for item in answer["Items"]]
            if len(found) == limit or not (last := answer.get("LastEvaluatedKey")):
                return found
            start = {"ExclusiveStartKey": last}

    def levels(self) -> Iterable[StockLevel]:
        """Return all levels, consistently read, in no order."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            ProjectionExpression="sku, version, on_hand, allocated, shipped_total, updated_at",
        )
        return (_level(item) for page in pages for item in page["Items"])

    def _each(self, items: Mapping[str, T], work: Callable[[T], None]) -> Mapping[str, Exception]:
        """Do some work for each sku, many at once; return the errors by sku."""

        def error_of(item: T) -> Exception | None:
            try:
                work(item)
            except Exception as error:  # noqa: BLE001 - each sku's own error is returned beside the others' success
                return error
            return None

        if not items:
            return {}
        with ThreadPoolExecutor(min(self._parallel, len(items))) as threads:
            errors = threads.map(error_of, items.values())
            return {sku: error for sku, error in zip(items, errors, strict=True) if error}

    def _write_one(self, level: StockLevel, first: StockLevel) -> None:
        hour = _minute(level.updated_at) // 60
        step = FIRST if first.version == 1 else SAME_HOUR
        while (held := self._try(level, step, before=first.shipped_total)) is not None:
            if not held:
                step = FIRST
            elif _number(held, "version") >= level.version:
                break
            else:
                step = SAME_HOUR if _number(held, "sold_hour") == hour else NEXT_HOUR

    def _replace_one(self, seen: StockLevel, level: StockLevel | None) -> None:
        if level:
            self._try(level, ANEW, seen=seen.version)
            return
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.delete_item(
                TableName=self._table,
                Key={"sku": {"S": seen.sku}},
                ConditionExpression="version = :seen",
                ExpressionAttributeValues={":seen": {"N": str(seen.version)}},
            )

    def _try(self, level: StockLevel, step: Step, *, before: int = 0, seen: int = 0) -> Mapping[str, Any] | None:
        """Write once; return None when written, else the item that stood in the way ({} for none)."""
        minute = str(_minute(level.updated_at))
        shipped = {"N": str(level.shipped_total)}
        optional: dict[str, Any] = {
            ":hour": {"N": str(int(minute) // 60)},
            ":sold": {"M": {minute: shipped}},
            ":before": {"N": str(before)},
            ":seen": {"N": str(seen)},
        }
        names: dict[str, Any] = {"ExpressionAttributeNames": dict.fromkeys(step.names, minute)} if step.names else {}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"sku": {"S": level.sku}},
                UpdateExpression=f"SET {LEVEL}, {step.change}",
                ConditionExpression=step.condition,
                ExpressionAttributeValues={
                    ":version": {"N": str(level.version)},
                    ":on_hand": {"N": str(level.on_hand)},
                    ":allocated": {"N": str(level.allocated)},
                    ":shipped": shipped,
                    ":at": {"S": level.updated_at.isoformat()},
                    **{name: optional[name] for name in step.values},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **names,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            return _held(error)
        return None


def _held(error: ClientError) -> Mapping[str, Any]:
    response: Mapping[str, Any] = error.response
    item: Mapping[str, Any] = response.get("Item", {})
    return item


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _number(item: Mapping[str, Any], name: str) -> int:
    return int(item[name]["N"])


def _level(item: Mapping[str, Any]) -> StockLevel:
    return StockLevel(
        sku=item["sku"]["S"],
        on_hand=_number(item, "on_hand"),
        allocated=_number(item, "allocated"),
        shipped_total=_number(item, "shipped_total"),
        version=_number(item, "version"),
        updated_at=datetime.fromisoformat(item["updated_at"]["S"]),
    )


def _stock(item: Mapping[str, Any], now: datetime) -> Stock:
    level = _level(item)
    return Stock(level, level.shipped_total - _shipped_by(_minute(now) - 60, item))


def _shipped_by(minute: int, item: Mapping[str, Any]) -> int:
    """Return shipped_total as it was at the end of a minute."""
    total = 0
    for totals, base in (("sold", "sold_base"), ("earlier", "earlier_base")):
        if totals not in item:
            break
        past = [at for at in item[totals]["M"] if int(at) <= minute]
        if past:
            return int(item[totals]["M"][max(past, key=int)]["N"])
        total = _number(item, base)
    return total

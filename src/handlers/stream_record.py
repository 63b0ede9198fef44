"""The records of the stream: stock as it now is, and steps of orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from domain.catalog.products import SKU
from domain.errors import FieldProblem, InvalidInput
from domain.inventory.projection import OrderStep
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from domain.ports import ID

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord

MOST = 2**63 - 1
"""The largest number that the decision side keeps."""
YEARS = range(2000, 9000)


def stream_record(record: KinesisStreamRecord) -> StockLevel | OrderStep:
    """Return what a record says. Raises, whatever it is, for one that no projection can be made of."""
    body = record.kinesis.data_as_json()
    if body["type"] == "stock":
        return StockLevel(
            sku=_text(body, "sku", SKU),
            on_hand=_whole(body, "on_hand"),
            allocated=_whole(body, "allocated"),
            shipped_total=_whole(body, "shipped_total"),
            version=_whole(body, "version"),
            updated_at=_time(body),
        )
    if body["type"] == "order":
        return OrderStep(_text(body, "order_id", ID), _status(body), _time(body))
    raise _wrong("type")


def _text(body: Mapping[str, Any], name: str, form: Any) -> str:
    found: str = body[name]
    if not form.fullmatch(found):
        raise _wrong(name)
    return found


def _whole(body: Mapping[str, Any], name: str) -> int:
    found: int = body[name]
    if type(found) is not int or not 0 <= found <= MOST:
        raise _wrong(name)
    return found


def _status(body: Mapping[str, Any]) -> Status:
    try:
        return Status(body["status"])
    except ValueError:
        raise _wrong("status") from None


def _time(body: Mapping[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(body["at"])
    except ValueError:
        raise _wrong("at") from None
    if at.tzinfo is None or at.year not in YEARS:
        raise _wrong("at")
    return at.astimezone(UTC)


def _wrong(name: str) -> InvalidInput:
    return InvalidInput(f"not a record of ours: {name}", [FieldProblem(name, "cannot be")])

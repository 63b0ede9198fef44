"""The records of the stream: stock as it now is, and steps of orders."""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from domain.catalog.products import SKU
from domain.errors import FieldProblem, InvalidInput
from domain.inventory.projection import OrderStep
from domain.inventory.stock import StockLevel
from domain.orders.order import Status
from domain.ports import ID

MOST = 2**63 - 1
"""The largest number that the decision side keeps."""
YEARS = range(2000, 9000)

_NUMBER = "((?!0[0-9])[0-9]{1,18}+)"
_AT = '"at":"([2-8][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]++[+]00:00)"'
_stock = re.compile(
    f'{{"type":"stock","sku":"({SKU.pattern})","version":{_NUMBER},'
    f'"on_hand":{_NUMBER},"allocated":{_NUMBER},"shipped_total":{_NUMBER},{_AT}}}'
).fullmatch
_step = re.compile(
    f'{{"type":"order","order_id":"({ID.pattern.replace("(", "(?:")})","version":{_NUMBER},'
    f'"status":"({"|".join(Status)})","reason":(?:null|"[a-z_]+"),"total_minor":{_NUMBER},{_AT}}}'
).fullmatch
"""Records letter by letter as we write them: read and found right in a third of the time that their JSON takes."""
_moment = lru_cache(64)(datetime.fromisoformat)
"""What one transaction writes has one time."""
_new = tuple.__new__
"""What a named tuple's own constructor calls."""


def stream_record(record: Mapping[str, Any]) -> StockLevel | OrderStep:
    """Return what a record says. Raises, whatever it is, for one that no projection can be made of."""
    text = a2b_base64(record["kinesis"]["data"]).decode()
    try:
        if stock := _stock(text):
            sku, version, on_hand, allocated, shipped_total, at = stock.groups()
            return _new(StockLevel, (sku, int(on_hand), int(allocated), int(shipped_total), int(version), _moment(at)))
        if step := _step(text):
            order_id, _, status, _, at = step.groups()
            return _new(OrderStep, (order_id, Status[status], _moment(at)))
    except ValueError:
        raise _wrong("at") from None
    return _said(json.loads(text))


def _said(body: Mapping[str, Any]) -> StockLevel | OrderStep:
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

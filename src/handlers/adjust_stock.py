"""POST /inventory/{sku}/adjustments: make the books follow the shelf (group admin)."""

import os
from http import HTTPStatus
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from adapters.system import now, uuid7
from domain.idempotency import Key
from domain.inventory.movement import Kind
from domain.inventory.moving import MoveStock, move_stock
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.idempotency import Once, required_key
from handlers.http.movement import adjustment
from handlers.http.request import Caller, Request
from handlers.http.response import Response
from handlers.wiring.database import decisions, products
from handlers.wiring.messages import publisher

MAX_CHANGE = 1_000_000_000

once = Once("adjust_stock", os.environ["IDEMPOTENCY_TABLE"])


def _not_zero(change: int) -> int:
    if not change:
        raise ValueError("must not be 0")
    return change


class AdjustmentBody(Body):
    """How many units more, or, below 0, fewer there are than the books say, and why."""

    quantity_change: Annotated[int, Field(ge=-MAX_CHANGE, le=MAX_CHANGE), AfterValidator(_not_zero)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


@endpoint
def handler(request: Request) -> Response:
    """Adjust the stock; 409 when fewer units would be left than are promised to orders."""
    caller = request.admin()
    body = read(request, AdjustmentBody)
    key = required_key(request, caller, "adjust_stock", body)
    return once(key, request, lambda: _adjust(request, caller, body, key))


def _adjust(request: Request, caller: Caller, body: AdjustmentBody, key: Key) -> Response:
    adjusted = move_stock(
        MoveStock(request.path("sku"), Kind.ADJUSTMENT, body.quantity_change, caller.sub, key, reason=body.reason),
        products=products(),
        store=decisions(),
        publisher=publisher(),
        clock=now,
        new_id=uuid7,
    )
    return Response(HTTPStatus.CREATED, adjustment(adjusted))

"""POST /inventory/{sku}/receipts: take units into stock (group admin)."""

import os
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from adapters.system import now, uuid7
from domain.idempotency import Key
from domain.inventory.movement import Kind
from domain.inventory.moving import MoveStock, move_stock
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.idempotency import Once, required_key
from handlers.http.movement import receipt
from handlers.http.request import Caller, Request
from handlers.http.response import Response
from handlers.wiring.database import decisions, products
from handlers.wiring.messages import publisher

MAX_QUANTITY = 1_000_000_000

once = Once("receive_stock", os.environ["IDEMPOTENCY_TABLE"])


class ReceiptBody(Body):
    """Units that came in, and why."""

    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    reason: Literal["purchase", "return"]
    order_id: Annotated[str, StringConstraints(max_length=36)] | None = None


@endpoint
def handler(request: Request) -> Response:
    """Take the units in; what comes back needs the order that shipped it, and 409 when it shipped fewer."""
    caller = request.admin()
    body = read(request, ReceiptBody)
    key = required_key(request, caller, "receive_stock", body)
    return once(key, request, lambda: _receive(request, caller, body, key))


def _receive(request: Request, caller: Caller, body: ReceiptBody, key: Key) -> Response:
    move = MoveStock(request.path("sku"), Kind(body.reason), body.quantity, caller.sub, key, order_id=body.order_id)
    received = move_stock(
        move,
        products=products(),
        store=decisions(),
        publisher=publisher(),
        clock=now,
        new_id=uuid7,
    )
    return Response(HTTPStatus.CREATED, receipt(received))

"""POST /orders: place an order."""

import os
from http import HTTPStatus
from typing import Annotated

from pydantic import Field, StringConstraints

from adapters.system import now, uuid7
from domain.catalog.products import normal_sku
from domain.errors import FieldProblem, InvalidInput
from domain.idempotency import Key
from domain.orders.placing import PlaceOrder, place_order
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.idempotency import Once, required_key
from handlers.http.order import whole_order
from handlers.http.request import Caller, Request
from handlers.http.response import Response
from handlers.telemetry import count
from handlers.wiring.database import decisions, products
from handlers.wiring.messages import publisher

MAX_LINES, MAX_QUANTITY = 2000, 1_000_000

once = Once("create_order", os.environ["IDEMPOTENCY_TABLE"])


class LineBody(Body):
    """So many units of one sku."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class OrderBody(Body):
    """An order to place."""

    lines: Annotated[list[LineBody], Field(min_length=1, max_length=MAX_LINES)]


@endpoint
def handler(request: Request) -> Response:
    """Place the order; the way it goes from here can be followed at its Location."""
    caller = request.caller()
    body = read(request, OrderBody)
    key = required_key(request, caller, "create_order", body)
    return once(key, request, lambda: _place(caller, body, key))


def _place(caller: Caller, body: OrderBody, key: Key) -> Response:
    order = place_order(
        PlaceOrder(caller.sub, _lines(body), key),
        products=products(),
        store=decisions(),
        publisher=publisher(),
        clock=now,
        new_id=uuid7,
    )
    count("OrdersPlaced")
    return Response(HTTPStatus.ACCEPTED, whole_order(order, [order.event()]), {"location": f"/orders/{order.id}"})


def _lines(body: OrderBody) -> list[tuple[str, int]]:
    lines, problems = [], []
    for i, line in enumerate(body.lines):
        try:
            lines.append((normal_sku(line.sku), line.quantity))
        except InvalidInput as error:
            problems += [FieldProblem(f"lines[{i}].sku", one.message) for one in error.problems]
    if problems:
        raise InvalidInput("the order names skus that cannot exist", problems)
    return lines

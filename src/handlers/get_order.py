"""GET /orders/{id}: one of the caller's own orders."""

from http import HTTPStatus

from domain.orders.placing import get_order
from handlers.http.endpoint import endpoint
from handlers.http.order import whole_order
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import decisions


@endpoint
def handler(request: Request) -> Response:
    """Return the order with its lines and what has happened to it."""
    order, events = get_order(request.path("id"), request.caller().sub, decisions())
    return Response(HTTPStatus.OK, whole_order(order, events))

"""POST /orders/{id}/cancel: cancel an order that has not shipped."""

from http import HTTPStatus

from adapters.system import now
from domain.orders.placing import cancel_order
from handlers.http.endpoint import endpoint
from handlers.http.order import whole_order
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import decisions
from handlers.wiring.messages import publisher


@endpoint
def handler(request: Request) -> Response:
    """Cancel the order; again 200 when it is cancelled already, 409 when it is too late."""
    caller = request.caller()
    order = cancel_order(request.path("id"), caller.sub, store=decisions(), publisher=publisher(), clock=now)
    return Response(HTTPStatus.OK, whole_order(order, decisions().events(order.id)))

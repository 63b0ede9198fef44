"""GET /inventory/{sku}: one sku's stock, from the projection."""

from http import HTTPStatus

from adapters.system import now
from domain.inventory.projection import get_stock
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.stock import stock
from handlers.wiring.views import stock_view


@endpoint
def handler(request: Request) -> Response:
    """Return the stock as it was a moment ago, and how many units were sold within the hour."""
    request.caller()
    return Response(HTTPStatus.OK, stock(get_stock(request.path("sku"), stock_view(), now)))

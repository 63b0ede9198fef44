"""GET /orders: a page of the caller's own orders."""

from domain.ports import ID
from handlers.http.endpoint import endpoint
from handlers.http.order import summary
from handlers.http.paging import after, limit, page
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import decisions


@endpoint
def handler(request: Request) -> Response:
    """Return the caller's orders, newest first."""
    size = limit(request)
    found = decisions().orders_of(request.caller().sub, size + 1, after(request, ID))
    return page("orders", found, size, lambda order: order.id, summary)

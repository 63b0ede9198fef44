"""GET /inventory: a page of all stock, from the projection (group admin)."""

from adapters.system import now
from domain.catalog.products import SKU
from handlers.http.endpoint import endpoint
from handlers.http.paging import after, limit, page
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.stock import stock
from handlers.wiring.views import stock_view


@endpoint
def handler(request: Request) -> Response:
    """Return every sku's stock as it was a moment ago, in DynamoDB's own order, which is no order of skus."""
    request.admin()
    size = limit(request)
    found = stock_view().page(size + 1, now(), after(request, SKU))
    return page("inventory", found, size, lambda one: one.level.sku, stock)

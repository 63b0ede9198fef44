"""DELETE /products/{sku}: sell a product no longer (group admin)."""

from http import HTTPStatus

from adapters.system import now
from domain.catalog.products import deactivate_product
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import products


@endpoint
def handler(request: Request) -> Response:
    """Deactivate the product, which orders and stock still name; again is fine."""
    request.admin()
    deactivate_product(request.path("sku"), products(), now)
    return Response(HTTPStatus.NO_CONTENT)

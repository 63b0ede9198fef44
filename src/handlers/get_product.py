"""GET /products/{sku}: one product."""

from http import HTTPStatus

from domain.catalog.products import get_product
from handlers.http.endpoint import endpoint
from handlers.http.product import product
from handlers.http.request import Request
from handlers.http.response import SHARED, Response
from handlers.wiring.database import products


@endpoint
def handler(request: Request) -> Response:
    """Return one product, active or not."""
    return Response(HTTPStatus.OK, product(get_product(request.path("sku"), products())), SHARED)

"""PUT /products/{sku}: change a product (group admin)."""

from http import HTTPStatus

from adapters.system import now
from domain.catalog.products import WantedProduct, change_product
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.product import product
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.product_body import ProductBody
from handlers.wiring.database import products


@endpoint
def handler(request: Request) -> Response:
    """Put what is sent in the place of all that was said of the product; the sku in the path stays."""
    request.admin()
    wanted = read(request, ProductBody)
    changed = change_product(WantedProduct(sku=request.path("sku"), **wanted.model_dump()), products(), now)
    return Response(HTTPStatus.OK, product(changed))

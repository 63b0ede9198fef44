"""POST /products: add a product (group admin)."""

from http import HTTPStatus
from typing import Annotated

from pydantic import StringConstraints

from adapters.system import now
from domain.catalog.products import WantedProduct, add_product
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.product import product
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.product_body import ProductBody
from handlers.wiring.database import products


class NewProductBody(ProductBody):
    """A product to add."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]


@endpoint
def handler(request: Request) -> Response:
    """Add a product; 409 when the sku is taken."""
    request.admin()
    wanted = read(request, NewProductBody)
    added = add_product(WantedProduct(**wanted.model_dump()), products(), now)
    return Response(HTTPStatus.CREATED, product(added), {"location": f"/products/{added.sku}"})

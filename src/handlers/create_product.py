"""POST /products: add a product (group admin)."""

from http import HTTPStatus
from typing import Annotated

from pydantic import Field, StringConstraints

from adapters.system import now
from domain.catalog.products import NewProduct, add_product
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.render import product
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import products

MAX_PRICE = 10**12


class ProductBody(Body):
    """A product to add."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    description: Annotated[str, StringConstraints(max_length=5000, pattern=r"^[^\x00]*$")] = ""
    price_minor: Annotated[int, Field(ge=0, le=MAX_PRICE)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    active: bool = True


@endpoint
def handler(request: Request) -> Response:
    """Add a product; 409 when the sku is taken."""
    request.admin()
    wanted = read(request, ProductBody)
    added = add_product(NewProduct(**wanted.model_dump()), products(), now)
    return Response(HTTPStatus.CREATED, product(added), {"location": f"/products/{added.sku}"})

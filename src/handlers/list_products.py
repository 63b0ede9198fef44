"""GET /products: a page of what is sold."""

from dataclasses import replace

from domain.catalog.products import SKU
from handlers.http.endpoint import endpoint
from handlers.http.paging import after, limit, page
from handlers.http.product import product
from handlers.http.request import Request
from handlers.http.response import SHARED, Response
from handlers.wiring.database import products


@endpoint
def handler(request: Request) -> Response:
    """Return active products in order of sku."""
    size = limit(request)
    found = products().page(size + 1, after(request, SKU) or "")
    return replace(page("products", found, size, lambda one: one.sku, product), headers=SHARED)

"""GET /item/{id}: one of the caller's own items."""

from http import HTTPStatus

from domain.items.items import get_item
from handlers.http.endpoint import endpoint
from handlers.http.etag import etag, known
from handlers.http.item import tagged
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.items import items


@endpoint
def handler(request: Request) -> Response:
    """Return the item, or 304 when the caller knows this version."""
    item = get_item(request.path("id"), request.caller().sub, items())
    if known(request, item.version):
        return Response(HTTPStatus.NOT_MODIFIED, None, {"etag": etag(item.version)})
    return tagged(HTTPStatus.OK, item)

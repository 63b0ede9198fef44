"""DELETE /item/{id}: remove one of the caller's own items, at the version that If-Match names."""

from http import HTTPStatus

from domain.items.items import RemoveItem, remove_item
from handlers.http.endpoint import endpoint
from handlers.http.etag import expected
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.items import items


@endpoint
def handler(request: Request) -> Response:
    """Remove the item; 412 when it has another version."""
    caller = request.caller()
    remove_item(RemoveItem(request.path("id"), caller.sub, expected(request)), items=items())
    return Response(HTTPStatus.NO_CONTENT)

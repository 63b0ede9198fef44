"""PUT /item/{id}: change one of the caller's own items, at the version that If-Match names."""

from http import HTTPStatus

from adapters.system import now
from domain.items.items import ChangeItem, change_item
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.etag import expected
from handlers.http.item import tagged
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.item_body import ItemBody
from handlers.wiring.items import items


@endpoint
def handler(request: Request) -> Response:
    """Return the item as it reads now; 412 when it has another version."""
    caller = request.caller()
    body = read(request, ItemBody)
    wish = ChangeItem(request.path("id"), caller.sub, body.name, body.description, expected(request))
    return tagged(HTTPStatus.OK, change_item(wish, items=items(), clock=now))

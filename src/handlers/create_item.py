"""POST /item: add an item of the caller's own."""

from http import HTTPStatus

from adapters.system import now, uuid7
from domain.items.items import AddItem, add_item
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.item import tagged
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.item_body import ItemBody
from handlers.wiring.items import items


@endpoint
def handler(request: Request) -> Response:
    """Add the item; it belongs to the caller."""
    caller = request.caller()
    body = read(request, ItemBody)
    added = add_item(AddItem(caller.sub, body.name, body.description), items=items(), clock=now, new_id=uuid7)
    return tagged(HTTPStatus.CREATED, added, {"location": f"/item/{added.id}"})

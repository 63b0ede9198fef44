"""GET /item: a page of the caller's own items."""

from domain.ports import ID
from handlers.http.endpoint import endpoint
from handlers.http.item import item
from handlers.http.paging import after, limit, page
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.items import items


@endpoint
def handler(request: Request) -> Response:
    """Return the caller's items, newest first."""
    caller = request.caller()
    size = limit(request)
    found = items().page(caller.sub, size + 1, after(request, ID))
    return page("items", found, size, lambda one: one.id, item)

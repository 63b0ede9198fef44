"""GET /users: a page of all users (group admin)."""

import re

from handlers.http.endpoint import endpoint
from handlers.http.paging import after, limit, page
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.user import user
from handlers.wiring.users import users

PLACE = re.compile(r"(?s)[^/]+/.+")


@endpoint
def handler(request: Request) -> Response:
    """Return everybody's profile, in an order of the store's own."""
    request.admin()
    size = limit(request)
    place = after(request, PLACE)
    user_id, _, username = (place or "").partition("/")
    found = users().page(size + 1, (username, user_id) if place else None)
    return page("users", found, size, lambda one: f"{one.id}/{one.username}", user)

"""GET /user/me: the caller's own profile."""

from http import HTTPStatus

from domain.identity.users import get_user
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.user import user
from handlers.wiring.users import users


@endpoint
def handler(request: Request) -> Response:
    """Return the profile of the token's subject."""
    return Response(HTTPStatus.OK, user(get_user(request.caller().sub, users())))

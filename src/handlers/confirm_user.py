"""POST /user/confirm: confirm a registration."""

from http import HTTPStatus

from handlers.credentials import Code, Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts


class ConfirmBody(Body):
    """Whose registration, and the code that was sent."""

    username: Username
    code: Code


@endpoint
def handler(request: Request) -> Response:
    """Confirm the account."""
    throttle(request, "confirm")
    wanted = read(request, ConfirmBody)
    accounts().confirm(wanted.username, wanted.code)
    return Response(HTTPStatus.NO_CONTENT)

"""POST /user/password/reset: set a new password with the code that was sent."""

from http import HTTPStatus

from handlers.credentials import Code, Password, Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts


class ResetBody(Body):
    """Whose password, the code, and the new password."""

    username: Username
    code: Code
    password: Password


@endpoint
def handler(request: Request) -> Response:
    """Set the password."""
    throttle(request, "reset")
    wanted = read(request, ResetBody)
    accounts().reset(wanted.username, wanted.code, wanted.password)
    return Response(HTTPStatus.NO_CONTENT)

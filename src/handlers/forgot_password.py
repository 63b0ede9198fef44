"""POST /user/password/forgot: ask for a code to set a new password."""

from http import HTTPStatus

from handlers.credentials import Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts


class ForgotBody(Body):
    """Whose password."""

    username: Username


@endpoint
def handler(request: Request) -> Response:
    """Answer 204 whoever asks: it tells nobody who has an account."""
    throttle(request, "forgot")
    accounts().forgot(read(request, ForgotBody).username)
    return Response(HTTPStatus.NO_CONTENT)

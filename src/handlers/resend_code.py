"""POST /user/resend: send the confirmation code again."""

from http import HTTPStatus

from handlers.credentials import Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts


class ResendBody(Body):
    """Whose code."""

    username: Username


@endpoint
def handler(request: Request) -> Response:
    """Answer 204 whoever asks: it tells nobody who has registered."""
    throttle(request, "resend")
    accounts().resend(read(request, ResendBody).username)
    return Response(HTTPStatus.NO_CONTENT)

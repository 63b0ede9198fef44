"""POST /user/logout: end all of one's sessions."""

from http import HTTPStatus

from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.people import accounts


@endpoint
def handler(request: Request) -> Response:
    """End them; access tokens that are out live until their end."""
    request.caller()
    accounts().logout(request.token())
    return Response(HTTPStatus.NO_CONTENT)

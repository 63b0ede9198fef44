"""POST /user/password: change one's own password."""

from http import HTTPStatus

from handlers.credentials import Password
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts


class ChangeBody(Body):
    """The old password and the new one."""

    old_password: Password
    new_password: Password


@endpoint
def handler(request: Request) -> Response:
    """Change the password; a wrong old one is a 400 that names it."""
    throttle(request, "change")
    request.caller()
    wanted = read(request, ChangeBody)
    accounts().change(request.token(), wanted.old_password, wanted.new_password)
    return Response(HTTPStatus.NO_CONTENT)

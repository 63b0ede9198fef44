"""POST /user/login: sign in."""

from http import HTTPStatus

from adapters.system import now
from domain.identity.signing_in import login_user
from handlers.credentials import Password, Username
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.sign_in import signed_in
from handlers.http.throttle import throttle
from handlers.wiring.people import directory
from handlers.wiring.users import users


class LoginBody(Body):
    """Who signs in."""

    username: Username
    password: Password


@endpoint
def handler(request: Request) -> Response:
    """Exchange username and password for tokens, or for a challenge to go on with at /user/login/challenge."""
    throttle(request, "login")
    wanted = read(request, LoginBody)
    outcome = login_user(
        wanted.username, wanted.password, request.address, directory=directory(), users=users(), clock=now
    )
    return Response(HTTPStatus.OK, signed_in(outcome))

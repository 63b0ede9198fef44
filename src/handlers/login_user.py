"""POST /user/login: sign in."""

from http import HTTPStatus
from typing import Annotated

from pydantic import StringConstraints

from adapters.system import now
from domain.identity.users import login_user
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.render import signed_in
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts, users


class LoginBody(Body):
    """Who signs in."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=False)]


@endpoint
def handler(request: Request) -> Response:
    """Exchange username and password for tokens."""
    throttle(request, "login")
    wanted = read(request, LoginBody)
    tokens = login_user(wanted.username, wanted.password, accounts=accounts(), users=users(), clock=now)
    return Response(HTTPStatus.OK, signed_in(tokens))

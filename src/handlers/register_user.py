"""POST /user/register: sign up."""

from http import HTTPStatus
from typing import Annotated

from pydantic import StringConstraints

from adapters.system import now
from domain.identity.users import Registration, register_user
from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.render import rfc3339
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.wiring.people import accounts, users


class RegisterBody(Body):
    """Who registers."""

    username: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$")]
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", max_length=254)]
    name: Annotated[str, StringConstraints(pattern=r"^[^\W\d_]+( [^\W\d_]+)*$", max_length=100)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=False)]


@endpoint
def handler(request: Request) -> Response:
    """Make an account that waits for the code sent by email."""
    throttle(request, "register")
    wanted = read(request, RegisterBody)
    registration = Registration(wanted.username, wanted.email, wanted.name, wanted.password)
    user = register_user(registration, accounts=accounts(), users=users(), clock=now)
    body = {**vars(user), "created_at": rfc3339(user.created_at)}
    return Response(HTTPStatus.CREATED, body)

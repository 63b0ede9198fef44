"""POST /user/register: sign up."""

from http import HTTPStatus
from typing import Annotated

from pydantic import StringConstraints

from adapters.system import now
from domain.identity.accounts import Registration
from domain.identity.enrolling import register_user
from handlers.credentials import Password
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.throttle import throttle
from handlers.http.user import user
from handlers.user_body import PersonBody
from handlers.wiring.people import accounts, directory
from handlers.wiring.users import users


class RegisterBody(PersonBody):
    """Who registers."""

    username: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$", to_lower=True)]
    password: Password


@endpoint
def handler(request: Request) -> Response:
    """Make an account that waits for the code sent by email; 409 when username or email is taken."""
    throttle(request, "register")
    wanted = read(request, RegisterBody)
    registered = register_user(
        Registration(**wanted.model_dump()), accounts=accounts(), directory=directory(), users=users(), clock=now
    )
    return Response(HTTPStatus.CREATED, user(registered))

"""POST /user: invite a user (group admin)."""

from http import HTTPStatus

from adapters.system import now
from domain.errors import Conflict, FieldProblem, InFlight, InvalidInput
from domain.identity.enrolling import invite_user
from handlers.http.body import read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.user import user
from handlers.user_body import PersonBody
from handlers.wiring.people import directory
from handlers.wiring.users import users


class NewUserBody(PersonBody):
    """Who is invited."""


@endpoint
def handler(request: Request) -> Response:
    """Make a profile and a sign-in with the email as its username; the first password is sent by email."""
    request.admin()
    wanted = read(request, NewUserBody)
    try:
        invited = invite_user(wanted.email, wanted.name, directory=directory(), users=users(), clock=now)
    except InFlight:
        raise
    except Conflict as error:
        raise InvalidInput("this user cannot be made", [FieldProblem("email", str(error))]) from error
    return Response(HTTPStatus.CREATED, user(invited))

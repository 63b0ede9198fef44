"""DELETE /user/me: remove one's own account."""

from http import HTTPStatus

from domain.identity.leaving import delete_user
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.items import items
from handlers.wiring.people import accounts
from handlers.wiring.users import users


@endpoint
def handler(request: Request) -> Response:
    """Remove the account, the profile and all items for good; orders stay in the books, under an id alone."""
    caller = request.caller()
    delete_user(caller.sub, request.token(), accounts=accounts(), users=users(), items=items())
    return Response(HTTPStatus.NO_CONTENT)

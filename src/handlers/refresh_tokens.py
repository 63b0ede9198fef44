"""POST /user/refresh: exchange a refresh token."""

from http import HTTPStatus
from typing import Annotated

from pydantic import StringConstraints

from handlers.http.body import Body, read
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.http.sign_in import tokens
from handlers.wiring.people import accounts


class RefreshBody(Body):
    """The refresh token of a sign-in."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=8192)]


@endpoint
def handler(request: Request) -> Response:
    """Return new tokens; a refresh token only when it was rotated."""
    given = accounts().refresh(read(request, RefreshBody).refresh_token)
    return Response(HTTPStatus.OK, tokens(given))

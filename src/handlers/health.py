"""GET /health: the API answers."""

from http import HTTPStatus

from handlers.http.endpoint import open_endpoint
from handlers.http.request import Request
from handlers.http.response import Response


@open_endpoint
def handler(_: Request) -> Response:
    """Say ok; nothing behind the API is asked."""
    return Response(HTTPStatus.OK, {"status": "ok"})

"""GET /dead-letters/{queue}/{id}: one message that no function could work off, and why (group admin)."""

from http import HTTPStatus

from domain.letters.working import get_letter
from handlers.http.dead_letter import dead_letter, queue_of
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.failures import failures
from handlers.wiring.letters import letters


@endpoint
def handler(request: Request) -> Response:
    """Return one letter with its whole body; 404 also while somebody else looks at it."""
    request.admin()
    queue = queue_of(request)
    found = get_letter(queue, request.path("id"), letters(), failures())
    return Response(HTTPStatus.OK, dead_letter(queue, found))

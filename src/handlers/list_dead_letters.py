"""GET /dead-letters/{queue}: messages that no function could work off, and why (group admin)."""

from http import HTTPStatus

from domain.letters.working import Wanted, list_letters
from handlers.http.dead_letter import dead_letters, queue_of
from handlers.http.endpoint import endpoint
from handlers.http.paging import limit
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.failures import failures
from handlers.wiring.letters import letters


@endpoint
def handler(request: Request) -> Response:
    """Return letters of one queue: `orders`, `shipping` or `projection` (the stream). They stay where they are.

    Bodies are cut after 2,000 characters. Whoever looks hides the letters from others for a moment, so two who look
    at once see a part each.
    """
    request.admin()
    queue = queue_of(request)
    found = list_letters(Wanted(queue, limit(request)), letters(), failures())
    return Response(HTTPStatus.OK, dead_letters(queue, found))

"""POST /dead-letters/{queue}/redrive: send letters back to where they came from (group admin)."""

from http import HTTPStatus

from domain.letters.working import redrive
from handlers.dead_letter_body import RedriveBody
from handlers.http.body import read
from handlers.http.dead_letter import queue_of, redriven
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.telemetry import count, logger
from handlers.wiring.letters import letters, sources


@endpoint
def handler(request: Request) -> Response:
    """Send up to 100 letters back: those named in `ids`, or up to `limit` of those that are there.

    An order that has gone on meanwhile stays as it is, and a record of the stream that is older than what readers see
    changes nothing. 409 when letters name records that Lambda discarded: those went without their data.
    """
    caller = request.admin()
    queue = queue_of(request)
    done = redrive(read(request, RedriveBody).wanted(queue), letters(), sources())
    count("DeadLettersRedriven", done.sent)
    logger.info("redriven", queue=queue, number=done.sent, kept=done.kept, actor=caller.sub)
    return Response(HTTPStatus.OK, redriven(done))

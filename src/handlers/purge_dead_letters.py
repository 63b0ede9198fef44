"""POST /dead-letters/{queue}/purge: give letters up, and reject their orders (group admin)."""

from http import HTTPStatus

from adapters.system import now
from domain.letters.letters import Letter
from domain.letters.working import purge
from handlers.dead_letter_body import PurgeBody
from handlers.http.body import read
from handlers.http.dead_letter import purged, queue_of
from handlers.http.endpoint import endpoint
from handlers.http.request import Caller, Request
from handlers.http.response import Response
from handlers.telemetry import count, logger
from handlers.wiring.database import decisions
from handlers.wiring.letters import letters
from handlers.wiring.messages import publisher

LOGGED = 100_000
"""Characters of a letter that the log keeps: a line of CloudWatch's has less than a megabyte, escapes and all."""


@endpoint
def handler(request: Request) -> Response:
    """Give up to 100 letters up: those named in `ids`, or, with `all`, up to `limit` of those that are there.

    An order that still waits for the step that died is rejected as `abandoned`, and its units are freed; one that has
    gone on meanwhile stays as it is. The log keeps each letter, up to 100,000 characters of it.
    """
    caller = request.admin()
    queue = queue_of(request)

    def tell(letter: Letter) -> None:
        _tell(letter, queue, caller)

    wanted = read(request, PurgeBody).wanted(queue)
    done = purge(wanted, letters(), tell=tell, store=decisions(), publisher=publisher(), clock=now)
    count("DeadLettersPurged", done.letters)
    orders = [one.id for one in done.rejected]
    logger.warning("letters purged", queue=queue, number=done.letters, kept=done.kept, rejected=orders)
    if done.rejected:
        count("OrdersRejected", len(done.rejected), reason=done.rejected[0].reason)
    return Response(HTTPStatus.OK, purged(done))


def _tell(letter: Letter, queue: str, caller: Caller) -> None:
    kept, actor = letter.body[:LOGGED], caller.sub
    whole = len(letter.body) <= LOGGED
    logger.warning("letter to purge", queue=queue, letter=letter.id, body=kept, whole=whole, actor=actor)

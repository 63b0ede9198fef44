"""Turning a function from request to response into a Lambda handler."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from domain.errors import TradepostError, Unavailable
from handlers.http.cors import cors
from handlers.http.front_door import front_door
from handlers.http.origin import admitted
from handlers.http.request import Request
from handlers.http.response import Refused, Response, problem, refusal
from handlers.telemetry import answered, function, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


Handler = Callable[[dict[str, Any], "LambdaContext"], dict[str, Any]]


def endpoint(answer: Callable[[Request], Response]) -> Handler:
    """Return a Lambda handler that answers those who come through the edge, where a deployment has one."""
    return open_endpoint(lambda request: answer(admitted(request)))


def open_endpoint(answer: Callable[[Request], Response]) -> Handler:
    """Return a Lambda handler that answers with `answer`, and with a problem document when it raises.

    It also answers who watches the API past its edge. Every request leaves one log line with its id, route and
    status; an unexpected error and an outage also their traceback.
    """

    @function
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        request = Request(front_door(event), context)
        logger.set_correlation_id(request.id)
        response = _answer(answer, request).with_headers(cors(request))
        answered(request.route, int(response.status))
        return response.event(request.id, request.event)

    return handler


def _answer(answer: Callable[[Request], Response], request: Request) -> Response:
    try:
        return answer(request)
    except TradepostError as error:
        if isinstance(error, Unavailable):
            logger.warning("unavailable", exc_info=True)
        return refusal(error)
    except Refused as error:
        return error.response
    except Exception:
        logger.exception("unexpected error")
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", f"something went wrong here; quote {request.id} to us"
        )

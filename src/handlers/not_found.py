"""$default: paths that do not exist, and methods that a path does not have."""

from http import HTTPStatus

from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Refused, Response, problem
from handlers.http.routes import allowed


@endpoint
def handler(request: Request) -> Response:
    """Answer 405 with the methods that the path has, or 404."""
    path = request.event.raw_path
    if methods := allowed(path):
        detail = f"{path} answers {', '.join(methods)}"
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, {"allow": ", ".join(methods)})
    return problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no {path}")

"""$default: paths that do not exist, methods that a path does not have, OPTIONS, and paths with a slash too many.

A browser's preflight comes here, too, since $default takes it before API Gateway would answer by itself; the
gateway adds what it allows ("Configure CORS for HTTP APIs in API Gateway").

HTTP APIs take no route that ends in a slash, so such a path lands here, in front of no authorizer. It is sent
to the path without the slash, where the authorizer stands.
"""

from http import HTTPStatus
from urllib.parse import quote, urlencode

from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Refused, Response, problem
from handlers.http.routes import allowed

PATH = "/:@!$&'()*+,;="
"""What stands in a path as it is (RFC 3986, section 3.3); `raw_path` is decoded and may hold anything."""


@endpoint
def handler(request: Request) -> Response:
    """Answer 404, OPTIONS with the methods that the path has, 405 with the same, or 308 to the path without a slash."""
    path = request.url_path
    bare = path.rstrip("/")
    if not (methods := allowed(bare)):
        return problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no {path}")
    answered = ", ".join(sorted([*methods, "OPTIONS"]))
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, None, {"allow": answered})
    if request.method not in methods:
        detail = f"{bare} answers {answered}"
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail, {"allow": answered})
    return Response(HTTPStatus.PERMANENT_REDIRECT, None, {"location": f"{quote(bare, PATH)}{_query(request)}"})


def _query(request: Request) -> str:
    """Return the query as it came; a REST API tells it in parts alone."""
    raw = request.event.get("rawQueryString")
    query = urlencode(request.event.query, doseq=True) if raw is None else raw
    return f"?{query}" if query else ""

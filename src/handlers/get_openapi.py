"""GET /openapi.json: this description of the API."""

from handlers.http.document import Document, shipped
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response

document = Document(shipped("openapi.json"), {"content-type": "application/json"})


@endpoint
def handler(request: Request) -> Response:
    """Return the API's description for machines (OpenAPI 3.1), or 304 when the caller knows it."""
    return document.answer(request)

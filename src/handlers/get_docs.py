"""GET /docs: the API's description as a page for people."""

import base64
import hashlib

from handlers.http.document import Document, shipped
from handlers.http.endpoint import endpoint
from handlers.http.request import Request
from handlers.http.response import Response


def _policy(page: str) -> str:
    """Return a policy under which the page's own style works and nothing else does."""
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    own = f"style-src 'sha256-{digest}'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


page = shipped("docs.html")
document = Document(page, {"content-type": "text/html; charset=utf-8", "content-security-policy": _policy(page)})


@endpoint
def handler(request: Request) -> Response:
    """Return the API's description for people, or 304 when the caller knows it."""
    return document.answer(request)

"""GET /inventory/{sku}/movements: who moved stock by hand, when and why (group admin)."""

import re

from domain.inventory.moving import list_movements
from handlers.http.endpoint import endpoint
from handlers.http.movement import movement
from handlers.http.paging import after, limit, page
from handlers.http.request import Request
from handlers.http.response import Response
from handlers.wiring.database import decisions, products

VERSION = re.compile(r"[0-9]{1,18}")


@endpoint
def handler(request: Request) -> Response:
    """Return a sku's receipts and adjustments, newest first."""
    request.admin()
    size = limit(request)
    version = after(request, VERSION)
    before = int(version) if version else None
    found = list_movements(request.path("sku"), products(), decisions(), size + 1, before)
    return page("movements", found, size, lambda one: str(one.version), movement)

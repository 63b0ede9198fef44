"""GET /item/{id} with Powertools' resolver, which validates what comes in and goes out."""

from __future__ import annotations

import json
from typing import Annotated, Any

from api import Problem, caller, headers
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Header
from item_models import Item
from item_store import known, own

app = APIGatewayHttpResolver(enable_validation=True)


@app.exception_handler(Problem)
def refused(problem: Problem) -> Response[Any]:
    """Answer with a problem document."""
    text = json.dumps(problem.document(), ensure_ascii=False, separators=(",", ":"))
    return Response(problem.status, "application/problem+json", text, headers={**_headers(), **problem.headers})


@app.get("/item/<item_id>")
def item(item_id: str, if_none_match: Annotated[str, Header(alias="if-none-match")] = "") -> Response[Item | None]:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    sub = caller(app.current_event.raw_event)
    found = own(item_id, sub)
    version = found["version"]["N"]
    told = {**_headers(), "etag": f'"{version}"'}
    if known(version, if_none_match):
        return Response(304, headers=told)
    body = Item.model_validate({name: found[name]["S"] for name in Item.model_fields})
    return Response(200, "application/json", body, headers=told)


def _headers() -> dict[str, str]:
    return headers(app.current_event.raw_event)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let the resolver answer."""
    return app.resolve(event, context)

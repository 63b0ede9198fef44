"""GET /item/{id} with Powertools' resolver, which validates what comes in and goes out."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Header
from botocore.config import Config
from pydantic import BaseModel, field_serializer

TABLE = os.environ["ITEMS_TABLE"]
DYNAMODB = boto3.client(
    "dynamodb",
    region_name=os.environ["REGION"],
    config=Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}),
)
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"')
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}
TITLES = {401: "Unauthorized", 404: "Not Found"}


class Item(BaseModel):
    """An item as it is answered."""

    id: str
    name: str
    description: str
    owner_id: str
    created_at: datetime
    updated_at: datetime

    @field_serializer("created_at", "updated_at")
    def _rfc3339(self, at: datetime) -> str:
        return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Problem(Exception):
    """A request that is refused."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


app = APIGatewayHttpResolver(enable_validation=True)


@app.exception_handler(Problem)
def refused(problem: Problem) -> Response[Any]:
    """Answer with a problem document."""
    status = problem.status
    body = {"type": f"urn:tradepost:problem:{problem.kind}", "title": TITLES[status], "status": status}
    more = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - HTTP's "unauthorized"
    text = json.dumps({**body, "detail": problem.detail}, ensure_ascii=False, separators=(",", ":"))
    return Response(status, "application/problem+json", text, headers={**_headers(), **more})


@app.get("/item/<item_id>")
def item(item_id: str, if_none_match: Annotated[str, Header(alias="if-none-match")] = "") -> Response[Item | None]:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    sub = _caller()
    found = _get(item_id) if ID.fullmatch(item_id) else None
    if found is None or found["owner_id"]["S"] != sub:
        raise Problem(404, "not-found", f"you have no item {item_id}")
    version = found["version"]["N"]
    headers = {**_headers(), "etag": f'"{version}"'}
    if if_none_match.strip() == "*" or version in TAG.findall(if_none_match):
        return Response(304, headers=headers)
    body = Item.model_validate({name: found[name]["S"] for name in Item.model_fields})
    return Response(200, "application/json", body, headers=headers)


def _caller() -> str:
    event: dict[str, Any] = app.current_event.raw_event
    said = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
        raise Problem(401, "unauthenticated", "sign in again")
    return str(said["sub"])


def _get(item_id: str) -> dict[str, Any] | None:
    return DYNAMODB.get_item(TableName=TABLE, Key={"id": {"S": item_id}}, ConsistentRead=True).get("Item")


def _headers() -> dict[str, str]:
    return {**HEADERS, "x-request-id": app.current_event.raw_event["requestContext"]["requestId"]}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Let the resolver answer."""
    return app.resolve(event, context)

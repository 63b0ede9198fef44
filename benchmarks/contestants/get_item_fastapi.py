"""GET /item/{id} with FastAPI behind Mangum.

The endpoint is `async` and its call to boto3 blocks: a process of Lambda's has one request at a time, and a thread for
each would only cost.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import boto3
from botocore.config import Config
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from mangum import Mangum
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


app = FastAPI(openapi_url=None)


@app.exception_handler(Problem)
async def refused(request: Request, problem: Problem) -> Response:
    """Answer with a problem document."""
    status = problem.status
    body = {"type": f"urn:tradepost:problem:{problem.kind}", "title": TITLES[status], "status": status}
    more = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - HTTP's "unauthorized"
    return JSONResponse(
        {**body, "detail": problem.detail}, status, {**_headers(request), **more}, "application/problem+json"
    )


async def caller(request: Request) -> str:
    """Return who calls, as the authorizer in front has found."""
    event: dict[str, Any] = request.scope["aws.event"]
    said = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not said.get("sub") or int(said.get("exp", 0)) <= time.time():
        raise Problem(401, "unauthenticated", "sign in again")
    return str(said["sub"])


@app.get("/item/{item_id}", response_model=Item)
async def item(
    item_id: str,
    request: Request,
    response: Response,
    sub: Annotated[str, Depends(caller)],
    if_none_match: Annotated[str, Header()] = "",
) -> Any:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    found = _get(item_id) if ID.fullmatch(item_id) else None
    if found is None or found["owner_id"]["S"] != sub:
        raise Problem(404, "not-found", f"you have no item {item_id}")
    version = found["version"]["N"]
    headers = {**_headers(request), "etag": f'"{version}"'}
    if if_none_match.strip() == "*" or version in TAG.findall(if_none_match):
        return Response(None, 304, headers)
    response.headers.update(headers)
    return {name: found[name]["S"] for name in Item.model_fields}


def _get(item_id: str) -> dict[str, Any] | None:
    return DYNAMODB.get_item(TableName=TABLE, Key={"id": {"S": item_id}}, ConsistentRead=True).get("Item")


def _headers(request: Request) -> dict[str, str]:
    return {**HEADERS, "x-request-id": request.scope["aws.event"]["requestContext"]["requestId"]}


handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])

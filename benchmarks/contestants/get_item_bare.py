"""GET /item/{id} with boto3 alone."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

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


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    request_id = event["requestContext"]["requestId"]
    caller = (event["requestContext"].get("authorizer") or {}).get("lambda") or {}
    if not caller.get("sub") or int(caller.get("exp", 0)) <= time.time():
        return _problem(request_id, 401, "unauthenticated", "sign in again")
    item_id = event["pathParameters"]["id"]
    item = _get(item_id) if ID.fullmatch(item_id) else None
    if item is None or item["owner_id"]["S"] != caller["sub"]:
        return _problem(request_id, 404, "not-found", f"you have no item {item_id}")
    version = item["version"]["N"]
    known = event["headers"].get("if-none-match", "")
    etag = {"etag": f'"{version}"'}
    if known.strip() == "*" or version in TAG.findall(known):
        return _answer(request_id, 304, etag)
    body = {name: item[name]["S"] for name in ("id", "name", "description", "owner_id")}
    body |= {name: _rfc3339(item[name]["S"]) for name in ("created_at", "updated_at")}
    return _answer(request_id, 200, {**etag, "content-type": "application/json"}, body)


def _get(item_id: str) -> dict[str, Any] | None:
    return DYNAMODB.get_item(TableName=TABLE, Key={"id": {"S": item_id}}, ConsistentRead=True).get("Item")


def _rfc3339(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _problem(request_id: str, status: int, kind: str, detail: str) -> dict[str, Any]:
    body = {"type": f"urn:tradepost:problem:{kind}", "title": TITLES[status], "status": status, "detail": detail}
    more = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - HTTP's "unauthorized"
    return _answer(request_id, status, {"content-type": "application/problem+json", **more}, body)


def _answer(request_id: str, status: int, headers: dict[str, str], body: Any = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**HEADERS, "x-request-id": request_id, **headers},
        "body": "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }

"""GET /item/{id} with boto3 alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from api import Problem, caller, headers
from item_store import known, own


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Answer with the caller's own item, or 304 when the caller knows this version."""
    try:
        item = own(event["pathParameters"]["id"], caller(event))
    except Problem as problem:
        more = {"content-type": "application/problem+json", **problem.headers}
        return _answer(event, problem.status, more, problem.document())
    version = item["version"]["N"]
    etag = {"etag": f'"{version}"'}
    if known(version, event["headers"].get("if-none-match", "")):
        return _answer(event, 304, etag)
    body = {name: item[name]["S"] for name in ("id", "name", "description", "owner_id")}
    body |= {name: _rfc3339(item[name]["S"]) for name in ("created_at", "updated_at")}
    return _answer(event, 200, {**etag, "content-type": "application/json"}, body)


def _rfc3339(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answer(event: dict[str, Any], status: int, more: dict[str, str], body: Any = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**headers(event), **more},
        "body": "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }

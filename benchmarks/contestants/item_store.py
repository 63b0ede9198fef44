"""Where GET /item/{id} finds items, whoever answers it, and which versions a caller knows."""

from __future__ import annotations

import os
import re
from typing import Any

import boto3
from api import Problem
from botocore.config import Config

TABLE = os.environ["ITEMS_TABLE"]
DYNAMODB = boto3.client(
    "dynamodb",
    region_name=os.environ["REGION"],
    config=Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}),
)
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"')


def own(item_id: str, sub: str) -> dict[str, Any]:
    """Return the caller's own item. Raises Problem."""
    found = None
    if ID.fullmatch(item_id):
        found = DYNAMODB.get_item(TableName=TABLE, Key={"id": {"S": item_id}}, ConsistentRead=True).get("Item")
    if found is None or found["owner_id"]["S"] != sub:
        raise Problem(404, "not-found", f"you have no item {item_id}")
    return found


def known(version: str, if_none_match: str) -> bool:
    """Say whether a caller knows a version."""
    return if_none_match.strip() == "*" or version in TAG.findall(if_none_match)

"""POST /orders with boto3 and psycopg alone."""

from __future__ import annotations

import json
import re
from typing import Any

from api import Problem, caller, headers
from order_once import once

SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")
KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
MAX_LINES, MAX_QUANTITY, MAX_SKU = 2000, 1_000_000, 64


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Place an order, once for each key."""
    try:
        customer_id = caller(event)
        lines = _lines(event)
        scope = f"{customer_id}#{_key(event)}"
        body, location = once(scope, lines, customer_id)
    except Problem as problem:
        more = {"content-type": "application/problem+json", **problem.headers}
        return _answer(event, problem.status, more, problem.document())
    return _answer(event, 202, {"content-type": "application/json", "location": location}, body)


def _answer(event: dict[str, Any], status: int, more: dict[str, str], body: Any) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**headers(event), **more},
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def _key(event: dict[str, Any]) -> str:
    key: str = event["headers"].get("idempotency-key", "").strip()
    if not KEY.fullmatch(key):
        errors = [("Idempotency-Key", "send 1 to 255 printable ASCII characters")]
        raise Problem(400, "invalid-input", "an Idempotency-Key is required", errors)
    return key


def _lines(event: dict[str, Any]) -> list[tuple[str, int]]:
    if event["headers"].get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "media-type", "send the body as application/json")
    try:
        body = json.loads(event.get("body") or "")
    except ValueError:
        raise Problem(400, "invalid-input", "the body cannot be read", [("body", "is not JSON")]) from None
    errors = _problems(body)
    if errors:
        raise Problem(400, "invalid-input", "the body breaks the rules named here", errors)
    lines = [(line["sku"].strip().upper(), line["quantity"]) for line in body["lines"]]
    errors = [(f"lines[{i}].sku", "is no sku") for i, (sku, _) in enumerate(lines) if not SKU.fullmatch(sku)]
    if errors:
        raise Problem(400, "invalid-input", "the order names skus that cannot exist", errors)
    return lines


def _problems(body: Any) -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        return [("body", "is not an object")]
    unknown = [(name, "is not known") for name in body if name != "lines"]
    lines = body.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
        return [("lines", f"is not a list of 1 to {MAX_LINES} lines"), *unknown]
    return [problem for i, line in enumerate(lines) for problem in _line_problems(f"lines[{i}]", line)] + unknown


def _line_problems(path: str, line: Any) -> list[tuple[str, str]]:
    if not isinstance(line, dict):
        return [(path, "is not an object")]
    found = []
    sku, quantity = line.get("sku"), line.get("quantity")
    if not isinstance(sku, str) or not 1 <= len(sku.strip()) <= MAX_SKU:
        found.append((f"{path}.sku", f"is not text of 1 to {MAX_SKU} characters"))
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:
        found.append((f"{path}.quantity", f"is not a whole number from 1 to {MAX_QUANTITY}"))
    return found + [(f"{path}.{name}", "is not known") for name in line if name not in ("sku", "quantity")]

"""AWS as the contestants of `make bench` find it: by operation, from what is asked to a status and what is said.

Loaded into each contestant's process before its clock starts, so it imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ITEM, OWNER = "012c9f6c-7d40-7000-8000-000000000001", "3f0d3a52-5f0a-4f0e-9d4e-2f6a3b0c9d11"
FOREIGN, MISSING = "012c9f6c-7d40-7000-8000-000000000002", "012c9f6c-7d40-7000-8000-000000000003"


def _item(item_id: str, owner_id: str) -> dict[str, Any]:
    return {
        "id": {"S": item_id},
        "owner_id": {"S": owner_id},
        "name": {"S": "Kettle"},
        "description": {"S": "Blue, 1.7 litres, with a whistle"},
        "version": {"N": "3"},
        "created_at": {"S": "2026-11-20T12:00:00.123456+00:00"},
        "updated_at": {"S": "2026-11-20T12:30:00.654321+00:00"},
    }


_ITEMS = {ITEM: _item(ITEM, OWNER), FOREIGN: _item(FOREIGN, "somebody-else")}


def get_item(operation: str, asked: Any) -> tuple[int, Any]:
    """Answer DynamoDB's GetItem from two items, one of them somebody else's."""
    assert operation == "GetItem", operation
    found = _ITEMS.get(asked["Key"]["id"]["S"])
    return 200, {"Item": found} if found else {}


STUBS = {"get_item": get_item}

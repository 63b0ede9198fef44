"""What the names of fields mean, wherever they stand: words, forms, bounds and examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ORDER = "01938f3c-2d5e-7c1a-9b7e-5f4d3c2b1a09"
SUBJECT = "6a3f1c1e-9d54-4c1b-8e0f-2b7f0c9d1e22"
TIME = {"format": "date-time", "examples": ["2026-11-20T21:40:00.123Z"]}
UUID = {"format": "uuid", "examples": [ORDER]}
SKU = "^[A-Z0-9][A-Z0-9._-]{0,63}$"
OWN_SKU = "KETTLE-1"
"""Made, changed and deactivated by the examples, which leave the demo's own products alone."""
ANY_CASE = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TOKEN = "eyJraWQiOiJrMSIsImFsZyI6IlJTMjU2In0.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"  # noqa: S105 - an example
PASSWORD_RULE = "At least 12 characters, with upper case, lower case and a digit."  # noqa: S105 - as above
MISSING = f"there is no order {ORDER}"
UNICODE = {"$comment": r"In ECMA-262, \p{L} needs the flag u."}

ANSWERED: Mapping[str, Mapping[str, Any]] = {
    "id": UUID,
    "User.id": {"description": "The subject of their tokens.", "examples": [SUBJECT]},
    "owner_id": {"description": "The subject of its owner's tokens.", "examples": [SUBJECT]},
    "actor": {"description": "The subject of the tokens of who did it.", "examples": [SUBJECT]},
    "order_id": {"description": "The order that the units came back from.", "examples": [None]},
    "Movement.kind": {"examples": ["adjustment"]},
    "username": {"examples": ["ada"]},
    "email": {"examples": ["ada@example.com"]},
    "name": {"examples": ["Ada Lovelace"]},
    "Item.name": {"examples": ["Kettle"]},
    "Product.name": {"examples": ["Kettle"]},
    "description": {"examples": ["Holds hot water"]},
    "created_at": TIME,
    "updated_at": TIME,
    "placed_at": TIME,
    "at": TIME,
    "access_token": {"description": "Send it as `Authorization: Bearer …`.", "examples": [TOKEN]},
    "id_token": {"description": "Says who signed in; it opens no door here.", "examples": [TOKEN]},
    "refresh_token": {"description": "For `POST /user/refresh`.", "examples": [TOKEN]},
    "token_type": {"const": "Bearer"},
    "expires_in": {"description": "Seconds until the access token ends.", "minimum": 1, "examples": [3600]},
    "challenge": {"description": "What is asked, as Cognito names it.", "examples": ["NEW_PASSWORD_REQUIRED"]},
    "session": {"examples": ["AYABeJvmVQ8sTZqW2yqVgQpV3mEAHQABAAdTZXJ2aWNl"]},
    "sku": {"description": "The product's own key, in upper case.", "pattern": SKU, "examples": ["85123A"]},
    "quantity": {"description": "Units.", "minimum": 1, "examples": [2]},
    "quantity_change": {"description": "Units more, or, below 0, fewer.", "examples": [-3]},
    "unit_price_minor": {"minimum": 0, "examples": [295]},
    "price_minor": {"minimum": 0, "examples": [295]},
    "total_minor": {"minimum": 0, "examples": [590]},
    "currency": {"description": "ISO 4217.", "pattern": "^[A-Z]{3}$", "examples": ["GBP"]},
    "line_count": {"minimum": 1, "examples": [1]},
    "on_hand": {"minimum": 0, "examples": [120]},
    "allocated": {"minimum": 0, "examples": [2]},
    "available": {"description": "What can still be promised.", "minimum": 0, "examples": [118]},
    "sold_last_hour": {"minimum": 0, "examples": [7]},
    "version": {"description": "Grows by one with each change of the sku's stock.", "minimum": 1, "examples": [41]},
    "active": {"description": "Whether it is sold.", "examples": [True]},
    "status": {"const": "ok"},
    "reason": {"examples": ["broken in the shop"]},
    "queue": {"description": "Where the message died.", "examples": ["orders"]},
    "body": {"description": "The message as it was sent.", "examples": [f'{{"order_id":"{ORDER}"}}']},
    "DeadLetter.order_id": {"description": "The order that it is about.", "examples": [ORDER]},
    "sent_at": TIME,
    "receives": {
        "description": "How often it was received, by functions and by who looks.",
        "minimum": 1,
        "examples": [6],
    },
    "why": {"description": "The failure in words.", "examples": [f"NotFound: {MISSING}"]},
    "error": {"description": "The kind of error.", "examples": ["NotFound"]},
    "message": {"description": "What happened, without what was sent.", "examples": [MISSING]},
    "function": {"examples": ["tradepost-ProcessOrdersFunction-Qx3"]},
    "request_id": {"description": "For the log of that function.", "examples": [SUBJECT]},
    "first_at": TIME,
    "last_at": TIME,
    "times": {"minimum": 1, "examples": [5]},
    "Redriven.refused": {"examples": [[]]},
    "Redriven.missing": {"examples": [[]]},
    "Redriven.kept": {"examples": [[]]},
    "Purged.missing": {"examples": [[]]},
    "Purged.kept": {"examples": [[]]},
    "redriven": {"description": "How many went back.", "minimum": 0, "examples": [10]},
    "purged": {"description": "How many are gone.", "minimum": 0, "examples": [1]},
    "rejected": {"description": "How many orders that rejected.", "minimum": 0, "examples": [1]},
    "waiting": {"description": "About how many are left.", "minimum": 0, "examples": [0]},
    "next_cursor": {"description": "For `?cursor`; null on the last page.", "examples": ["ODUxMjNB"]},
}
"""Of answers."""

SENT: Mapping[str, Mapping[str, Any]] = {
    "sku": {"description": "In any case.", "pattern": ANY_CASE, "examples": ["85123A"]},
    "password": {"description": PASSWORD_RULE, "examples": ["Correct-horse-7"]},
    "LoginBody.password": {"description": "As it was set."},
    "new_password": {"description": PASSWORD_RULE, "examples": ["Correct-horse-8"]},
    "old_password": {"examples": ["Correct-horse-7"]},
    "code": {"description": "As it was sent by email.", "examples": ["123456"]},
    "username": {"examples": ["ada"]},
    "email": {"examples": ["ada@example.com"]},
    "name": {"examples": ["Ada Lovelace"]},
    "RegisterBody.name": UNICODE,
    "NewUserBody.name": UNICODE,
    "ItemBody.name": {"examples": ["Kettle"]},
    "ProductBody.name": {"examples": ["Kettle"]},
    "NewProductBody.name": {"examples": ["Kettle"]},
    "NewProductBody.sku": {"examples": [OWN_SKU]},
    "description": {"examples": ["Holds hot water"]},
    "refresh_token": {"examples": [TOKEN]},
    "challenge": {"examples": ["NEW_PASSWORD_REQUIRED"]},
    "session": ANSWERED["session"],
    "answer": {"description": f"The code; or the new password. {PASSWORD_RULE}", "examples": ["Correct-horse-7"]},
    "price_minor": {"description": "In the currency's minor unit (pence, cents).", "examples": [295]},
    "currency": {"description": "ISO 4217.", "examples": ["GBP"]},
    "active": {"description": "Whether it is sold.", "examples": [True]},
    "quantity": {"description": "Units.", "examples": [2]},
    "quantity_change": {"description": "Units more, or, below 0, fewer.", "not": {"const": 0}, "examples": [-3]},
    "reason": {"examples": ["broken in the shop"]},
    "order_id": {"description": "The order that shipped what comes back: needed for a `return`.", "examples": [None]},
    "RedriveBody.ids": {"examples": [[ORDER]]},
    "PurgeBody.ids": {"examples": [[ORDER]]},
    "limit": {"description": "Most letters, unless they are named.", "examples": [10]},
    "all": {"description": "Means any of those that are there.", "examples": [False]},
}
"""Of what is sent."""

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "sku": {
        "description": "The product's own key, in any case.",
        "schema": {"type": "string", "pattern": ANY_CASE},
        "example": "85123A",
    },
    "queue": {
        "description": "`orders` and `shipping` (the queues), or `projection` (the stream).",
        "schema": {"type": "string", "enum": ["orders", "shipping", "projection"]},
        "example": "orders",
    },
    "update_product.sku": {"example": OWN_SKU},
    "delete_product.sku": {"example": OWN_SKU},
    "id": {"description": "As it was answered.", "schema": {"type": "string", "format": "uuid"}, "example": ORDER},
}
"""Of paths; some of one operation."""

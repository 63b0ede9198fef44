"""How an item is answered: as JSON, with its version as the entity tag."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from typing_extensions import TypedDict

from domain.items.items import Item
from handlers.http.etag import etag
from handlers.http.response import Response, rfc3339


class ItemJson(TypedDict):
    """Something that a person keeps; its version stands in the header ETag."""

    id: str
    name: str
    description: str
    owner_id: str
    created_at: str
    updated_at: str


def item(one: Item) -> ItemJson:
    """Return an item."""
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "owner_id": one.owner_id,
        "created_at": rfc3339(one.created_at),
        "updated_at": rfc3339(one.updated_at),
    }


def tagged(status: HTTPStatus, one: Item, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that shows one item."""
    return Response(status, item(one), {"etag": etag(one.version), **(headers or {})})

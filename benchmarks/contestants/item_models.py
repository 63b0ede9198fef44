"""What GET /item/{id} answers, for those who validate by pydantic."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, field_serializer


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

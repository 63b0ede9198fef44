"""What POST /orders is asked and answers, for those who validate by pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

STRICT = ConfigDict(extra="forbid", strict=True)


class WantedLine(BaseModel):
    """So many units of one sku."""

    model_config = STRICT

    sku: Annotated[
        str,
        StringConstraints(strip_whitespace=True, to_upper=True, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    ]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class WantedOrder(BaseModel):
    """An order to place."""

    model_config = STRICT

    lines: Annotated[list[WantedLine], Field(min_length=1, max_length=2000)]


class Line(BaseModel):
    """So many units of one sku at the price of the day."""

    sku: str
    quantity: int
    unit_price_minor: int


class Step(BaseModel):
    """A status that an order reached, and when."""

    status: str
    reason: str | None
    at: str


class Order(BaseModel):
    """An order as it is answered."""

    id: str
    status: str
    reason: str | None
    currency: str
    total_minor: int
    placed_at: str
    lines: list[Line]
    events: list[Step]


def field(error: dict[str, Any]) -> str:
    """Return where a request breaks a rule, by what pydantic says of it."""
    where, *path = error["loc"]
    if where == "header":
        return "Idempotency-Key"
    if error["type"] == "json_invalid" or not path:
        return "body"
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")

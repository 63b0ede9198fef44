"""How people, orders, products and stock look in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NotRequired

from typing_extensions import TypedDict

from domain.catalog.products import Product
from domain.identity.accounts import Challenge, Tokens
from domain.identity.users import User
from domain.inventory.movement import Kind, Movement
from domain.inventory.projection import Stock
from domain.orders.order import Event, Order, Reason, Status, Summary


class UserJson(TypedDict):
    """A person's profile; `id` is the subject of their tokens."""

    id: str
    username: str
    email: str
    name: str
    created_at: str


class TokensJson(TypedDict):
    """What a sign-in gives; `expires_in` in seconds. A refresh gives a refresh token only when it was rotated."""

    access_token: str
    id_token: str
    refresh_token: NotRequired[str]
    expires_in: int
    token_type: str


class ChallengeJson(TypedDict):
    """What a sign-in asks next; `session` goes back with the reply."""

    challenge: str
    session: str


class LineJson(TypedDict):
    """So many units of one sku at the price of the day; prices in the currency's minor unit."""

    sku: str
    quantity: int
    unit_price_minor: int


class StepJson(TypedDict):
    """A status that an order reached, and when."""

    status: Status
    reason: Reason | None
    at: str


class OrderHeadJson(TypedDict):
    """What every view of an order says; `reason` is why it was rejected, `total_minor` in the currency's minor unit."""

    id: str
    status: Status
    reason: Reason | None
    currency: str
    total_minor: int
    placed_at: str


class SummaryJson(OrderHeadJson):
    """An order as lists show it."""

    line_count: int


class OrderJson(OrderHeadJson):
    """An order with its lines and with what has happened to it."""

    lines: list[LineJson]
    events: list[StepJson]


class ProductJson(TypedDict):
    """Something that is sold; `price_minor` in the currency's minor unit (pence, cents)."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: str
    active: bool
    created_at: str
    updated_at: str


class StockJson(TypedDict):
    """A sku's stock as it was a moment ago; `allocated` of the units `on_hand` are promised to orders."""

    sku: str
    on_hand: int
    allocated: int
    available: int
    version: int
    sold_last_hour: int
    updated_at: str


class MovedJson(TypedDict):
    """What every view of a movement of stock says: who made which version of a sku's stock, and when."""

    id: str
    sku: str
    actor: str
    at: str
    version: int


class ReceiptJson(MovedJson):
    """Units that came in, and why."""

    quantity: int
    reason: Kind
    order_id: str | None


class AdjustmentJson(MovedJson):
    """How many units more, or, below 0, fewer there are than the books said, and why."""

    quantity_change: int
    reason: str | None


class MovementJson(AdjustmentJson):
    """A movement of any kind; `reason` belongs to adjustments, `order_id` to returns."""

    kind: Kind
    order_id: str | None


def rfc3339(at: datetime) -> str:
    """Return a time in UTC with milliseconds, as in "2026-11-20T21:40:00.123Z" (RFC 3339)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(one: User) -> UserJson:
    """Return a profile."""
    return {
        "id": one.id,
        "username": one.username,
        "email": one.email,
        "name": one.name,
        "created_at": rfc3339(one.created_at),
    }


def signed_in(outcome: Tokens | Challenge) -> TokensJson | ChallengeJson:
    """Return tokens, or the challenge that stands before them."""
    if isinstance(outcome, Challenge):
        return {"challenge": outcome.name, "session": outcome.session}
    return tokens(outcome)


def tokens(given: Tokens) -> TokensJson:
    """Return tokens; no refresh token where none was given (RFC 6749, section 5.1)."""
    shown: TokensJson = {
        "access_token": given.access_token,
        "id_token": given.id_token,
        "expires_in": given.expires_in,
        "token_type": "Bearer",
    }
    if given.refresh_token is not None:
        shown["refresh_token"] = given.refresh_token
    return shown


def summary(order: Summary) -> SummaryJson:
    """Return an order as lists show it."""
    return {**_head(order), "line_count": order.line_count}


def whole_order(order: Order, events: Sequence[Event]) -> OrderJson:
    """Return an order with its lines and events."""
    lines: list[LineJson] = [
        {"sku": line.sku, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor} for line in order.lines
    ]
    steps: list[StepJson] = [
        {"status": event.status, "reason": event.reason, "at": rfc3339(event.at)} for event in events
    ]
    return {**_head(order), "lines": lines, "events": steps}


def _head(order: Summary) -> OrderHeadJson:
    return {
        "id": order.id,
        "status": order.status,
        "reason": order.reason,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "placed_at": rfc3339(order.placed_at),
    }


def product(one: Product) -> ProductJson:
    """Return a product."""
    return {
        "sku": one.sku,
        "name": one.name,
        "description": one.description,
        "price_minor": one.price_minor,
        "currency": one.currency,
        "active": one.active,
        "created_at": rfc3339(one.created_at),
        "updated_at": rfc3339(one.updated_at),
    }


def stock(one: Stock) -> StockJson:
    """Return a sku's stock as the projection shows it."""
    return {
        "sku": one.level.sku,
        "on_hand": one.level.on_hand,
        "allocated": one.level.allocated,
        "available": one.level.available,
        "version": one.level.version,
        "sold_last_hour": one.sold_last_hour,
        "updated_at": rfc3339(one.level.updated_at),
    }


def receipt(one: Movement) -> ReceiptJson:
    """Return a movement as what came in; its kind is the reason."""
    return {
        "id": one.id,
        "sku": one.sku,
        "quantity": one.quantity,
        "reason": one.kind,
        "order_id": one.order_id,
        "actor": one.actor,
        "at": rfc3339(one.at),
        "version": one.version,
    }


def adjustment(one: Movement) -> AdjustmentJson:
    """Return a movement as a correction of the books."""
    return {
        "id": one.id,
        "sku": one.sku,
        "quantity_change": one.quantity,
        "reason": one.reason,
        "actor": one.actor,
        "at": rfc3339(one.at),
        "version": one.version,
    }


def movement(one: Movement) -> MovementJson:
    """Return a movement of any kind, as the audit trail shows it."""
    return {**adjustment(one), "kind": one.kind, "order_id": one.order_id}

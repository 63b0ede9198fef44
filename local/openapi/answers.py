"""What cannot be read from the code: what each operation answers when all is well, and what else it may refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from typing_extensions import TypedDict

from domain import errors
from handlers.http import dead_letter, item, movement, order, product, sign_in, stock, user

CREATED, ACCEPTED, OK, NO_CONTENT = HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NO_CONTENT
CONFLICT, NOT_FOUND = errors.Conflict, errors.NotFound

Refusals = Mapping[type[errors.TradepostError], str]
"""When the domain refuses, by its errors."""


class Health(TypedDict):
    """The API answers."""

    status: str


@dataclass(frozen=True)
class Many:
    """A page of a list: the member that holds it, and what it holds."""

    name: str
    shape: Any


@dataclass(frozen=True)
class Answer:
    """The status and shape of success, its own headers, when the domain refuses, and where one can go from here."""

    tag: str
    status: HTTPStatus
    shape: Any = None
    """A TypedDict, a union of them, Many, a media type of ready-made text, or None for no body."""
    headers: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=dict)
    """Beyond what every operation of its kind refuses."""
    links: tuple[str, ...] = ()
    """Operations whose path parameter is a member of the answer."""


TAKEN: Refusals = {
    CONFLICT: "The username or the email is taken.",
    errors.InFlight: "This email is being registered right now.",
}
OF_A_QUEUE: Refusals = {NOT_FOUND: "No letters are kept under this name."}
BUSY: Refusals = {CONFLICT: "Others never stop changing the item; try again."}
SIGN_IN: Refusals = {
    errors.Unauthenticated: "The username or the password is wrong.",
    errors.NotConfirmed: "The registration waits for its code.",
    errors.ResetRequired: "The password must be reset first.",
}
TOKENS = sign_in.TokensJson | sign_in.ChallengeJson

ANSWERS: Mapping[str, Answer] = {
    "health": Answer("about", OK, Health),
    "get_openapi": Answer("about", OK, "application/json", ("etag", "cache-control")),
    "get_docs": Answer("about", OK, "text/html", ("etag", "cache-control", "content-security-policy")),
    "register_user": Answer("people", CREATED, user.UserJson, (), TAKEN),
    "confirm_user": Answer(
        "people",
        NO_CONTENT,
        refusals={
            CONFLICT: "The registration is confirmed already.",
            errors.Unauthenticated: "Nobody of this name waits for a code.",
        },
    ),
    "login_user": Answer("people", OK, TOKENS, (), SIGN_IN),
    "answer_challenge": Answer(
        "people",
        OK,
        TOKENS,
        (),
        {
            errors.Unauthenticated: "The session has ended, or nobody knows it: begin the sign-in anew.",
            errors.ResetRequired: "The password must be reset first.",
        },
    ),
    "resend_code": Answer("people", NO_CONTENT),
    "refresh_tokens": Answer(
        "people", OK, sign_in.TokensJson, (), {errors.Unauthenticated: "The refresh token has ended; sign in again."}
    ),
    "forgot_password": Answer("people", NO_CONTENT),
    "reset_password": Answer(
        "people", NO_CONTENT, refusals={errors.NotConfirmed: "The registration waits for its code."}
    ),
    "change_password": Answer("people", NO_CONTENT),
    "logout_user": Answer("people", NO_CONTENT),
    "get_me": Answer("people", OK, user.UserJson, (), {NOT_FOUND: "There is no profile yet; signing in makes it."}),
    "delete_me": Answer("people", NO_CONTENT),
    "create_user": Answer(
        "people", CREATED, user.UserJson, (), {errors.InFlight: "This email is being registered right now."}
    ),
    "list_users": Answer("people", OK, Many("users", user.UserJson)),
    "create_item": Answer(
        "items", CREATED, item.ItemJson, ("location", "etag"), {}, ("get_item", "update_item", "delete_item")
    ),
    "list_items": Answer("items", OK, Many("items", item.ItemJson)),
    "get_item": Answer("items", OK, item.ItemJson, ("etag",), {}, ("update_item", "delete_item")),
    "update_item": Answer("items", OK, item.ItemJson, ("etag",), BUSY, ("get_item", "delete_item")),
    "delete_item": Answer("items", NO_CONTENT, refusals=BUSY),
    "list_products": Answer("products", OK, Many("products", product.ProductJson), ("cache-control",)),
    "create_product": Answer(
        "products",
        CREATED,
        product.ProductJson,
        ("location",),
        {CONFLICT: "The sku is taken."},
        ("get_product", "update_product", "delete_product", "receive_stock", "adjust_stock", "list_movements"),
    ),
    "get_product": Answer("products", OK, product.ProductJson, ("cache-control",), {}, ("get_inventory",)),
    "update_product": Answer("products", OK, product.ProductJson, (), {}, ("get_product", "delete_product")),
    "delete_product": Answer("products", NO_CONTENT),
    "create_order": Answer("orders", ACCEPTED, order.OrderJson, ("location",), {}, ("get_order", "cancel_order")),
    "list_orders": Answer("orders", OK, Many("orders", order.SummaryJson)),
    "get_order": Answer("orders", OK, order.OrderJson, (), {}, ("cancel_order",)),
    "cancel_order": Answer(
        "orders", OK, order.OrderJson, (), {CONFLICT: "The order was rejected or has shipped."}, ("get_order",)
    ),
    "list_inventory": Answer("inventory", OK, Many("inventory", stock.StockJson)),
    "get_inventory": Answer("inventory", OK, stock.StockJson),
    "receive_stock": Answer(
        "inventory",
        CREATED,
        movement.ReceiptJson,
        (),
        {CONFLICT: "The order has not shipped, or shipped fewer units than would have come back."},
        ("get_inventory", "list_movements"),
    ),
    "adjust_stock": Answer(
        "inventory",
        CREATED,
        movement.AdjustmentJson,
        (),
        {CONFLICT: "Fewer units would be left than are promised to orders."},
        ("get_inventory", "list_movements"),
    ),
    "list_dead_letters": Answer("dead letters", OK, dead_letter.DeadLettersJson, (), OF_A_QUEUE),
    "get_dead_letter": Answer("dead letters", OK, dead_letter.DeadLetterJson, (), {}, ()),
    "redrive_dead_letters": Answer(
        "dead letters",
        OK,
        dead_letter.RedrivenJson,
        (),
        {**OF_A_QUEUE, CONFLICT: "None of the letters holds the data of the records that it names."},
    ),
    "purge_dead_letters": Answer("dead letters", OK, dead_letter.PurgedJson, (), OF_A_QUEUE),
    "list_movements": Answer("inventory", OK, Many("movements", movement.MovementJson)),
}

TAGS = {
    "people": "Signing up, signing in, and one's own account.",
    "items": "What one person keeps; nobody else sees it.",
    "products": "What is sold: anybody reads it, admins write it.",
    "orders": "Placing an order and following it: PLACED, then CONFIRMED or REJECTED, then FULFILLED; or CANCELLED.",
    "inventory": "How much of a sku there is, and who moved it.",
    "dead letters": "Messages that no function could work off: why, and what becomes of them.",
    "about": "The API itself.",
}

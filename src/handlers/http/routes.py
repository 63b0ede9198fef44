"""Every route of the API and the function behind it; template.yaml is checked against it."""

from __future__ import annotations

import re
from collections.abc import Mapping

ROUTES = (
    ("GET", "/health", "health"),
    ("GET", "/openapi.json", "get_openapi"),
    ("GET", "/docs", "get_docs"),
    ("POST", "/user/register", "register_user"),
    ("POST", "/user/confirm", "confirm_user"),
    ("POST", "/user/login", "login_user"),
    ("POST", "/user/login/challenge", "answer_challenge"),
    ("POST", "/user/resend", "resend_code"),
    ("POST", "/user/refresh", "refresh_tokens"),
    ("POST", "/user/password/forgot", "forgot_password"),
    ("POST", "/user/password/reset", "reset_password"),
    ("POST", "/user/password", "change_password"),
    ("POST", "/user/logout", "logout_user"),
    ("GET", "/user/me", "get_me"),
    ("DELETE", "/user/me", "delete_me"),
    ("POST", "/user", "create_user"),
    ("GET", "/users", "list_users"),
    ("POST", "/item", "create_item"),
    ("GET", "/item", "list_items"),
    ("GET", "/item/{id}", "get_item"),
    ("PUT", "/item/{id}", "update_item"),
    ("DELETE", "/item/{id}", "delete_item"),
    ("GET", "/products", "list_products"),
    ("POST", "/products", "create_product"),
    ("GET", "/products/{sku}", "get_product"),
    ("PUT", "/products/{sku}", "update_product"),
    ("DELETE", "/products/{sku}", "delete_product"),
    ("POST", "/orders", "create_order"),
    ("GET", "/orders", "list_orders"),
    ("GET", "/orders/{id}", "get_order"),
    ("POST", "/orders/{id}/cancel", "cancel_order"),
    ("GET", "/inventory", "list_inventory"),
    ("GET", "/inventory/{sku}", "get_inventory"),
    ("POST", "/inventory/{sku}/receipts", "receive_stock"),
    ("POST", "/inventory/{sku}/adjustments", "adjust_stock"),
    ("GET", "/inventory/{sku}/movements", "list_movements"),
    ("GET", "/dead-letters/{queue}", "list_dead_letters"),
    ("GET", "/dead-letters/{queue}/{id}", "get_dead_letter"),
    ("POST", "/dead-letters/{queue}/redrive", "redrive_dead_letters"),
    ("POST", "/dead-letters/{queue}/purge", "purge_dead_letters"),
)
"""Method, path and module of each route. A path with a slash at its end is redirected (see not_found)."""

PUBLIC = frozenset(
    {
        *("health", "get_openapi", "get_docs", "list_products", "get_product", "not_found"),
        *("register_user", "confirm_user", "login_user", "answer_challenge", "resend_code", "refresh_tokens"),
        *("forgot_password", "reset_password"),
    }
)
"""The modules in front of which no authorizer stands."""
SERVICES: Mapping[str, tuple[str, ...]] = {
    "product": ("products",),
    "user": ("user", "users", "item"),
    "inventory": ("inventory", "orders", "dead-letters"),
}
"""How the paths begin that each service answers, where the API is not functions but services in containers."""


def answers(service: str, path: str) -> bool:
    """Say whether a service answers a path; those of no service all of them answer."""
    first = path.strip("/").partition("/")[0]
    return first in SERVICES[service] or not any(first in firsts for firsts in SERVICES.values())


def allowed(path: str) -> list[str]:
    """Return the methods that a path has; none when the path does not exist."""
    return sorted({method for method, template, _ in ROUTES if pattern(template).fullmatch(path)})


def match(method: str, path: str) -> dict[str, str]:
    """Return the parameters of the route that takes a method and path; none when there is no such route."""
    for allowed_method, template, _ in ROUTES:
        if allowed_method == method and (found := pattern(template).fullmatch(path)):
            return found.groupdict()
    return {}


def pattern(template: str) -> re.Pattern[str]:
    """Return what matches a path of that form."""
    return re.compile(re.sub(r"\\\{([a-z_]+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))

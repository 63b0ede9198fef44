"""Deleting one's own account, and what is one's own alone. Orders stay: the books need them."""

from __future__ import annotations

from domain.identity.accounts import Accounts
from domain.identity.users import Users
from domain.items.items import Items

PAGE = 100


def delete_user(user_id: str, access_token: str, *, accounts: Accounts, users: Users, items: Items) -> None:
    """Remove a person's items, profile and account, in this order: what breaks off can be asked for again.

    Raises Unauthenticated when the token has ended, was signed out, or the account; nothing is removed then.
    """
    accounts.check(access_token)
    _remove_items(user_id, items)
    if user := users.get(user_id):
        users.remove(user)
    accounts.close(access_token)
    _remove_items(user_id, items)  # what was made meanwhile, or was not listed yet


def _remove_items(user_id: str, items: Items) -> None:
    while found := items.page(user_id, PAGE):
        for item in found:
            items.remove(item)

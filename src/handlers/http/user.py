"""How people are shown in JSON; openapi.yaml is made from these types."""

from __future__ import annotations

from typing_extensions import TypedDict

from domain.identity.users import User
from handlers.http.response import rfc3339


class UserJson(TypedDict):
    """A person's profile; `id` is the subject of their tokens."""

    id: str
    username: str
    email: str
    name: str
    created_at: str


def user(one: User) -> UserJson:
    """Return a profile."""
    return {
        "id": one.id,
        "username": one.username,
        "email": one.email,
        "name": one.name,
        "created_at": rfc3339(one.created_at),
    }

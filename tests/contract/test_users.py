"""What every store of profiles promises."""

from __future__ import annotations

from typing import Any

from domain.identity.users import User
from tests.shop import NOON

ANN = User("subject-1", "ann", "ann@example.com", "Ann Édith", NOON)


def test_a_profile_comes_back_as_it_was_added(users: Any) -> None:
    users.add(ANN)

    assert users.get("subject-1") == ANN


def test_the_same_profile_may_be_added_again(users: Any) -> None:
    """A registration whose answer was lost may be tried again."""
    users.add(ANN)
    users.add(ANN)

    assert users.get("subject-1") == ANN


def test_a_profile_that_was_never_added_is_none(users: Any) -> None:
    assert users.get("subject-1") is None

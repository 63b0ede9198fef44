"""Registration and profiles."""

from __future__ import annotations

import pytest

from adapters.memory.others import MemoryAccounts, MemoryUsers
from domain.errors import Conflict, NotFound
from domain.identity.users import Registration, get_user, register_user
from tests.shop import NOON, Clock

ANN = Registration("ann", "ann@example.com", "Ann Lee", "a long password")


def test_a_registration_makes_an_account_and_its_profile() -> None:
    accounts, users = MemoryAccounts(), MemoryUsers()

    user = register_user(ANN, accounts=accounts, users=users, clock=Clock())

    assert (user.username, user.email, user.name, user.created_at) == ("ann", "ann@example.com", "Ann Lee", NOON)
    assert get_user(user.id, users) == user


def test_a_taken_username_makes_no_second_profile() -> None:
    accounts, users = MemoryAccounts(), MemoryUsers()
    first = register_user(ANN, accounts=accounts, users=users, clock=Clock())

    with pytest.raises(Conflict):
        register_user(ANN, accounts=accounts, users=users, clock=Clock())

    assert get_user(first.id, users) == first


def test_nobody_has_a_profile_before_registering() -> None:
    with pytest.raises(NotFound):
        get_user("nobody", MemoryUsers())

"""Registration and profiles."""

from __future__ import annotations

import pytest

from adapters.memory.others import MemoryAccounts, MemoryUsers
from domain.errors import Conflict, NotFound, Unavailable
from domain.identity.users import Registration, User, get_user, login_user, register_user
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


class Failing(MemoryUsers):
    """A store of profiles that is down when somebody registers."""

    def add(self, user: User) -> None:
        raise Unavailable("down")


def test_a_registration_that_broke_off_heals_at_the_next_sign_in() -> None:
    accounts, users = MemoryAccounts(), MemoryUsers()
    with pytest.raises(Unavailable):
        register_user(ANN, accounts=accounts, users=Failing(), clock=Clock())
    accounts.confirm(ANN.username, MemoryAccounts.CODE)

    tokens = login_user(ANN.username, ANN.password, accounts=accounts, users=users, clock=Clock())

    healed = get_user("subject-1", users)
    assert tokens.access_token
    assert (healed.username, healed.email, healed.name) == (ANN.username, ANN.email, ANN.name)


def test_a_sign_in_leaves_a_profile_as_it_is() -> None:
    accounts, users, clock = MemoryAccounts(), MemoryUsers(), Clock()
    user = register_user(ANN, accounts=accounts, users=users, clock=clock)
    accounts.confirm(ANN.username, MemoryAccounts.CODE)
    clock.tick(days=1)

    login_user(ANN.username, ANN.password, accounts=accounts, users=users, clock=clock)

    assert get_user(user.id, users) == user

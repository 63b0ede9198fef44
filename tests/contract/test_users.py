"""What every store of profiles promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict
from domain.identity.users import Claim, User
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


BEN = User("subject-2", "ben", "ben@example.com", "Ben", NOON)
CLAIM = Claim.of("Ann@example.com", "Ann", NOON)


def test_capitals_make_no_other_person() -> None:
    assert Claim.of("ann@EXAMPLE.com", "ANN", NOON) == CLAIM


def test_nobody_holds_an_email_that_was_never_claimed(users: Any) -> None:
    assert users.holder("ann@example.com") is None


def test_an_email_is_claimed_once(users: Any) -> None:
    assert users.claim(CLAIM, None)
    assert not users.claim(replace(CLAIM, username="ben"), None)

    assert users.holder("ANN@example.com") == CLAIM


def test_a_claim_is_replaced_by_who_knows_it_as_it_stands(users: Any) -> None:
    users.claim(CLAIM, None)
    later = replace(CLAIM, username="ben", at=NOON + timedelta(microseconds=1))

    assert not users.claim(later, replace(CLAIM, at=NOON + timedelta(seconds=1)))
    assert not users.claim(later, replace(CLAIM, username="cleo"))
    assert users.claim(later, CLAIM)
    assert users.holder("ann@example.com") == later


def test_a_claim_is_released_as_it_was_made_or_not_at_all(users: Any) -> None:
    users.claim(CLAIM, None)

    users.release(replace(CLAIM, at=NOON + timedelta(seconds=1)))
    assert users.holder("ann@example.com") == CLAIM
    users.release(CLAIM)
    users.release(CLAIM)
    assert users.holder("ann@example.com") is None


def test_a_profile_holds_its_email(users: Any) -> None:
    users.claim(CLAIM, None)
    users.add(ANN)

    assert users.holder("ann@example.com") == Claim("ann@example.com", "ann", NOON, "subject-1")


def test_a_profile_cannot_take_anothers_email(users: Any) -> None:
    users.add(ANN)

    with pytest.raises(Conflict):
        users.add(replace(BEN, email="Ann@Example.com"))
    assert users.get("subject-2") is None
    assert users.holder("ann@example.com").user_id == "subject-1"


def test_a_claim_that_a_profile_has_completed_is_another_one(users: Any) -> None:
    """Who lost the answer must not take the finished claim for the one that was made before."""
    users.claim(CLAIM, None)
    users.add(ANN)

    assert not users.claim(replace(CLAIM, at=NOON - timedelta(seconds=15)), CLAIM)
    users.release(CLAIM)
    assert users.holder("ann@example.com") == replace(CLAIM, user_id="subject-1")
    assert users.claim(Claim.of("ann@example.com", "ben", NOON), users.holder("ann@example.com"))


def test_a_removed_profile_is_gone_and_its_email_free(users: Any) -> None:
    users.add(ANN)
    users.add(BEN)

    users.remove(ANN)
    users.remove(ANN)

    assert users.get("subject-1") is None
    assert users.holder("ann@example.com") is None
    assert (users.get("subject-2"), users.holder("ben@example.com").user_id) == (BEN, "subject-2")


def test_a_removed_profile_leaves_the_email_to_who_holds_it_now(users: Any) -> None:
    users.add(ANN)
    claim = users.holder("ann@example.com")
    users.claim(Claim.of("ann@example.com", "ann", NOON), claim)

    users.remove(ANN)

    assert users.holder("ann@example.com") == CLAIM


def test_all_profiles_are_listed_page_by_page_each_once_and_no_claim(users: Any) -> None:
    everybody = [User(f"subject-{i}", f"user{i}", f"user{i}@example.com", "Ann", NOON) for i in range(7)]
    for one in everybody:
        users.add(one)
    users.claim(Claim.of("waiting@example.com", "waiting", NOON), None)

    found, after = [], None
    while page := users.page(3, after):
        found += page
        after = (page[-1].username, page[-1].id)

    assert sorted(found, key=lambda one: one.id) == everybody


def test_a_page_starts_behind_any_profile_even_one_that_is_gone(users: Any) -> None:
    users.add(ANN)
    users.add(BEN)
    first, second = users.page(2)
    users.remove(first)

    assert users.page(2, (first.username, first.id)) == [second]


def test_no_profiles_are_an_empty_page(users: Any) -> None:
    assert list(users.page(3)) == []

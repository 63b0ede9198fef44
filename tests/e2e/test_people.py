"""People: who they are, and how they get in."""

from __future__ import annotations

import pytest

from tests.e2e.shop import Shop, problem

pytestmark = pytest.mark.xdist_group("e2e")


def test_a_new_user_registers_confirms_signs_in_and_sees_the_profile(shop: Shop) -> None:
    person = shop.newcomer()
    registered = shop.register(person)
    assert registered.status_code == 201
    assert registered.json().keys() == {"id", "username", "email", "name", "created_at"}
    confirmed = shop.confirm(person)
    assert (confirmed.status_code, confirmed.content) == (204, b"")
    login = shop.login(person.username, person.password)
    assert login.status_code == 200
    assert login.json().keys() == {"access_token", "id_token", "refresh_token", "expires_in", "token_type"}
    profile = shop.signed_in(person.username, person.password).get("/user/me")
    assert profile == registered.json()


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(shop: Shop) -> None:
    known = shop.customer()
    wrong = shop.login(known.username, "Wrong-password-1")
    unknown = shop.login("nobody-of-this-name", "Wrong-password-1")
    assert problem(wrong) == (401, "unauthenticated")
    assert problem(unknown) == (401, "unauthenticated")
    assert wrong.json() == unknown.json()


def test_nobody_signs_in_before_the_registration_is_confirmed(shop: Shop) -> None:
    person = shop.newcomer()
    assert shop.register(person).status_code == 201
    assert problem(shop.login(person.username, person.password)) == (409, "conflict")


def test_a_wrong_code_confirms_nothing(shop: Shop) -> None:
    person = shop.newcomer()
    assert shop.register(person).status_code == 201
    refused = shop.confirm(person, "000000")
    assert problem(refused) == (400, "invalid-input")
    assert [one["field"] for one in refused.json()["errors"]] == ["code"]
    assert problem(shop.login(person.username, person.password)) == (409, "conflict")


def test_a_username_belongs_to_its_first_user(shop: Shop) -> None:
    person = shop.newcomer()
    assert shop.register(person).status_code == 201
    assert problem(shop.register(person)) == (409, "conflict")


def test_a_weak_password_is_refused(shop: Shop) -> None:
    person = shop.newcomer()
    body = {"username": person.username, "email": person.email, "name": "Peter", "password": "short"}
    refused = shop.public("POST", "/user/register", body)
    assert problem(refused) == (400, "invalid-input")
    assert [one["field"] for one in refused.json()["errors"]] == ["password"]

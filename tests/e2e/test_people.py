"""People: who they are, and how they get in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.state import ROOT
from tests.e2e.leaks import leaks
from tests.e2e.running import eventually, running
from tests.e2e.shop import Person, Shop, at_once, problem

STORES = [
    pytest.param("dynamodb", marks=pytest.mark.xdist_group("e2e")),
    pytest.param("postgres", marks=pytest.mark.xdist_group("e2e-users-in-postgres")),
]


@pytest.fixture(scope="module")
def shop_on_postgres() -> Iterator[Shop]:
    """Return a shop whose users' profiles are in PostgreSQL, on a stack of its own."""
    with running("--parameter", "UserStore=postgres") as up:
        shop = Shop(up.state.read())
        yield shop
        assert leaks(Path(shop.info.log).read_text(), shop.secrets) == set()


@pytest.fixture(params=STORES)
def either(request: pytest.FixtureRequest) -> Shop:
    """Return a shop with each store of profiles."""
    found: Shop = request.getfixturevalue("shop" if request.param == "dynamodb" else "shop_on_postgres")
    return found


def test_a_new_user_registers_confirms_signs_in_and_sees_the_profile(either: Shop) -> None:
    person = either.newcomer()
    registered = either.register(person)
    assert registered.status_code == 201
    assert registered.json().keys() == {"id", "username", "email", "name", "created_at"}
    confirmed = either.confirm(person)
    assert (confirmed.status_code, confirmed.content) == (204, b"")
    login = either.login(person.username, person.password)
    assert login.status_code == 200
    assert login.json().keys() == {"access_token", "id_token", "refresh_token", "expires_in", "token_type"}
    profile = either.signed_in(person.username, person.password).get("/user/me")
    assert profile == registered.json()


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(either: Shop) -> None:
    known = either.customer()
    wrong = either.login(known.username, "Wrong-password-1")
    unknown = either.login("nobody-of-this-name", "Wrong-password-1")
    assert problem(wrong) == (401, "unauthenticated")
    assert problem(unknown) == (401, "unauthenticated")
    assert wrong.json() == unknown.json()


def test_nobody_signs_in_before_the_registration_is_confirmed(either: Shop) -> None:
    person = either.newcomer()
    assert either.register(person).status_code == 201
    assert problem(either.login(person.username, person.password)) == (409, "not-confirmed")


def test_a_wrong_code_confirms_nothing(either: Shop) -> None:
    person = either.newcomer()
    assert either.register(person).status_code == 201
    refused = either.confirm(person, "000000")
    assert problem(refused) == (400, "invalid-input")
    assert [one["field"] for one in refused.json()["errors"]] == ["code"]
    assert problem(either.login(person.username, person.password)) == (409, "not-confirmed")


def test_a_username_belongs_to_its_first_user(either: Shop) -> None:
    person = either.newcomer()
    assert either.register(person).status_code == 201
    assert problem(either.register(person)) == (409, "conflict")


def test_a_weak_password_is_refused(either: Shop) -> None:
    person = either.newcomer()
    body = {"username": person.username, "email": person.email, "name": "Peter", "password": "short"}
    refused = either.public("POST", "/user/register", body)
    assert problem(refused) == (400, "invalid-input")
    assert [one["field"] for one in refused.json()["errors"]] == ["password"]


def accounts(shop: Shop, email: str) -> list[str]:
    """Return the usernames of all accounts in Cognito that have an email."""
    cognito = shop.info.client("cognito-idp")
    pages = cognito.get_paginator("list_users").paginate(UserPoolId=shop.info.outputs["UserPoolId"])
    return [
        user["Username"]
        for page in pages
        for user in page["Users"]
        if {"Name": "email", "Value": email} in user["Attributes"]
    ]


def everybody(admin: Person) -> list[Any]:
    """Return all users, page by page."""
    found, query = [], "?limit=100"
    while query:
        page = admin.get(f"/users{query}")
        found += page["users"]
        query = page["next_cursor"] and f"?limit=100&cursor={page['next_cursor']}"
    return found


@pytest.mark.parametrize("usernames", ["one", "many"])
def test_of_a_hundred_registrations_with_one_email_a_single_one_makes_a_user(either: Shop, usernames: str) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    people = [either.newcomer() for _ in range(100 if usernames == "many" else 1)] * (1 if usernames == "many" else 100)

    def register(i: int) -> tuple[int, str]:
        person = people[i]
        body = {"username": person.username, "email": email, "name": "Peter Person", "password": person.password}
        answer = either.public("POST", "/user/register", body)
        return (201, answer.json()["username"]) if answer.status_code == 201 else problem(answer)

    answers = at_once(100, register)

    (winner,) = {username for status, username in answers if status == 201}
    assert {answer for answer in answers if answer[0] != 201} <= {(409, "conflict"), (409, "request-in-flight")}
    assert len([status for status, _ in answers if status == 201]) == 1
    assert accounts(either, email) == [winner]
    assert [user["username"] for user in everybody(either.admin) if user["email"] == email] == [winner]


def test_an_admin_invites_lists_and_is_told_of_duplicates(either: Shop) -> None:
    """Design B: GET /users, POST /user, 400 for bad or duplicate input."""
    new = {"name": "Cleo Customer", "email": f"{uuid.uuid4().hex}@example.com"}

    made = either.admin("POST", "/user", new)
    assert made.status_code == 201
    assert made.json().items() >= new.items()
    assert made.json() in everybody(either.admin)
    for body, field in ((new, "email"), ({**new, "email": "nonsense"}, "email"), ({**new, "name": "R2 D2"}, "name")):
        refused = either.admin("POST", "/user", body)
        assert problem(refused) == (400, "invalid-input")
        assert [one["field"] for one in refused.json()["errors"]] == [field]
    customer = either.customer()
    assert problem(customer("POST", "/user", new)) == (403, "forbidden")
    assert problem(customer("GET", "/users")) == (403, "forbidden")
    assert either.public("GET", "/users").status_code == 401


def test_an_invited_user_sets_a_password_at_the_first_sign_in(either: Shop) -> None:
    email, first, own = f"{uuid.uuid4().hex}@example.com", "First-password-1", either.newcomer().password
    user = either.admin("POST", "/user", {"name": "Cleo Customer", "email": email}).json()
    either.info.client("cognito-idp").admin_set_user_password(  # the one that was sent is in an email only
        UserPoolId=either.info.outputs["UserPoolId"], Username=email, Password=first, Permanent=False
    )

    challenge = either.login(email, first)
    assert (challenge.status_code, challenge.json()["challenge"]) == (200, "NEW_PASSWORD_REQUIRED")
    answer = {**challenge.json(), "username": email, "answer": own}
    assert either.public("POST", "/user/login/challenge", answer).status_code == 200

    assert either.signed_in(email, own).get("/user/me") == user


def test_who_leaves_is_gone_for_good(either: Shop) -> None:
    person = either.customer()
    user = person.get("/user/me")
    item = person("POST", "/item", {"name": "A thing"})

    gone = person("DELETE", "/user/me")

    assert (gone.status_code, gone.content) == (204, b"")
    assert problem(either.login(person.username, person.password)) == (401, "unauthenticated")
    assert accounts(either, person.email) == []
    assert user not in everybody(either.admin)
    assert problem(person("GET", item.headers["Location"])) == (404, "not-found")
    assert either.register(person).status_code == 201


def test_a_session_goes_on_and_ends_and_a_password_is_changed_and_forgotten(either: Shop) -> None:
    person = either.newcomer()
    assert either.register(person).status_code == 201
    assert either.public("POST", "/user/resend", {"username": person.username}).status_code == 204
    assert either.confirm(person).status_code == 204
    tokens = either.login(person.username, person.password).json()
    again = either.public("POST", "/user/refresh", {"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 200
    me = Person(either.info.url, again.json()["access_token"], person.username, person.password)
    second, third = either.newcomer().password, either.newcomer().password
    changed = me("POST", "/user/password", {"old_password": person.password, "new_password": second})
    assert changed.status_code == 204
    assert either.public("POST", "/user/password/forgot", {"username": person.username}).status_code == 204
    reset = {"username": person.username, "code": "654321", "password": third}
    assert either.public("POST", "/user/password/reset", reset).status_code == 204
    assert either.login(person.username, third).status_code == 200
    assert me("POST", "/user/logout").status_code == 204
    ended = either.public("POST", "/user/refresh", {"refresh_token": tokens["refresh_token"]})
    assert problem(ended) == (401, "unauthenticated")


def test_the_items_of_whoever_signs_in_are_made_read_changed_and_removed(either: Shop) -> None:
    """Design C: GET/POST /item/, GET/PUT/DELETE /item/{id}; a slash at the end is redirected."""
    owner = either.customer()
    lamp = {"name": "Lamp", "description": "Bright"}
    redirect = owner("POST", "/item/", lamp)
    assert (redirect.status_code, redirect.headers["Location"]) == (308, "/item")
    made = owner("POST", redirect.headers["Location"], lamp)
    assert (made.status_code, made.json()["owner_id"]) == (201, owner.get("/user/me")["id"])
    path = f"/item/{made.json()['id']}"
    assert owner.get(path) == made.json()
    assert eventually(lambda: owner.get("/item")["items"]) == [made.json()]
    assert owner("PUT", path, {"name": "Torch", "description": "Brighter"}).json()["name"] == "Torch"
    assert owner("DELETE", path).status_code == 204
    assert problem(owner("GET", path)) == (404, "not-found")
    assert either.public("GET", path).status_code == 401


def elsewhere(shop: Shop, username: str, email: str, password: str, *, permanent: bool) -> None:
    """Make an account past the shop, as somebody does in Cognito's console."""
    cognito, pool = shop.info.client("cognito-idp"), shop.info.outputs["UserPoolId"]
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    cognito.admin_create_user(UserPoolId=pool, Username=username, UserAttributes=attributes, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=permanent)


def test_an_account_that_nobody_has_entered_gives_way_to_a_registration_and_to_an_invitation(either: Shop) -> None:
    person, email = either.newcomer(), f"{uuid.uuid4().hex}@example.com"
    elsewhere(either, person.username, person.email, person.password, permanent=False)
    elsewhere(either, email, email, person.password, permanent=False)

    assert either.register(person).status_code == 201
    assert either.admin("POST", "/user", {"name": "Cleo Customer", "email": email}).status_code == 201

    assert (accounts(either, person.email), accounts(either, email)) == ([person.username], [email])


def test_nobody_is_invited_in_the_place_of_somebody_who_has_got_in(either: Shop) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    elsewhere(either, email, email, either.newcomer().password, permanent=True)

    refused = either.admin("POST", "/user", {"name": "Cleo Customer", "email": email})

    assert problem(refused) == (400, "invalid-input")


def test_who_has_no_profile_gets_one_at_the_first_sign_in(either: Shop) -> None:
    one, other = either.newcomer(), either.newcomer()
    elsewhere(either, one.username, one.email, one.password, permanent=True)
    elsewhere(either, other.username, other.email, one.password, permanent=False)

    challenge = either.login(other.username, one.password).json()
    answer = {**challenge, "username": other.username, "answer": other.password}
    assert either.public("POST", "/user/login/challenge", answer).status_code == 200

    for person in (one, other):
        assert either.signed_in(person.username, person.password).get("/user/me")["email"] == person.email


def test_cognito_is_told_to_make_no_account_that_nobody_registers(either: Shop) -> None:
    """The emulated Cognito has no triggers, so the function is asked as Cognito asks it."""
    event = json.loads((ROOT / "events" / "admit-sign-up" / "cognito-past-us.json").read_text())

    answer = either.info.client("lambda").invoke(FunctionName="AdmitSignUpFunction", Payload=json.dumps(event))

    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "register at /user/register"

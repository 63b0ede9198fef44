"""People register, confirm, sign in, and are let through by the authorizer."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.memory.others import MemoryAccounts
from tests.cloud import Cloud, unique
from tests.events import caller
from tests.integration.conftest import Call

PASSWORD = "  Correct-horse-7  "


@pytest.fixture
def person() -> dict[str, str]:
    """Return somebody who has not registered yet."""
    name = unique("ann")
    return {"username": name, "email": f"{name}@example.com", "name": "Ann \u00c9dith Lee", "password": PASSWORD}


def credentials(person: Mapping[str, str]) -> dict[str, str]:
    return {"username": person["username"], "password": person["password"]}


@pytest.fixture
def registered(call: Call, person: dict[str, str]) -> dict[str, str]:
    """Return somebody who has registered and confirmed, with their id."""
    user = call("register_user", person).body
    call("confirm_user", {"username": person["username"], "code": MemoryAccounts.CODE})
    return {**person, "id": user["id"]}


def test_a_registration_answers_with_the_profile(call: Call, person: dict[str, str]) -> None:
    answer = call("register_user", person)

    assert answer.status == 201
    assert set(answer.body) == {"id", "username", "email", "name", "created_at"}
    assert answer.body["id"]
    assert answer.body["created_at"].endswith("Z")
    assert {name: answer.body[name] for name in ("username", "email", "name")} == {
        name: person[name] for name in ("username", "email", "name")
    }


def test_a_registration_is_confirmed_without_a_body(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    answer = call("confirm_user", {"username": person["username"], "code": MemoryAccounts.CODE})

    assert (answer.status, answer.text) == (204, "")
    assert "content-type" not in answer.headers


def test_a_confirmed_person_signs_in(call: Call, registered: dict[str, str]) -> None:
    answer = call("login_user", credentials(registered))

    assert answer.status == 200
    assert set(answer.body) == {"access_token", "id_token", "refresh_token", "expires_in", "token_type"}
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"


def test_a_password_is_taken_to_the_letter(call: Call, registered: dict[str, str]) -> None:
    """Its spaces at the ends too."""
    answer = call("login_user", {**credentials(registered), "password": PASSWORD.strip()})

    assert answer.problem() == (401, "unauthenticated")


def test_a_username_is_taken_once(call: Call, registered: dict[str, str], person: dict[str, str]) -> None:
    assert call("register_user", {**person, "email": "other@example.com"}).problem() == (409, "conflict")


def test_a_wrong_code_is_refused(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    answer = call("confirm_user", {"username": person["username"], "code": "000000"})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["code"]


def test_before_confirmation_nobody_signs_in(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    assert call("login_user", credentials(person)).problem() == (409, "conflict")


def test_wrong_passwords_and_unknown_people_are_refused_alike(call: Call, registered: dict[str, str]) -> None:
    wrong = call("login_user", {"username": registered["username"], "password": "Wrong-horse-777"})
    unknown = call("login_user", {"username": unique(), "password": PASSWORD})

    assert wrong.problem() == unknown.problem() == (401, "unauthenticated")
    assert wrong.text == unknown.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "a"),
        ("username", "no spaces"),
        ("username", "-ann"),
        ("username", "x" * 65),
        ("email", "ann"),
        ("email", "ann@example"),
        ("email", "ann lee@example.com"),
        ("email", "a@b@example.com"),
        ("email", f"{'x' * 250}@example.com"),
        ("name", "Ann7"),
        ("name", "Ann  Lee"),
        ("name", "Ann_Lee"),
        ("name", "x" * 101),
        ("name", "\n"),
        ("password", ""),
        ("password", "Short-1"),
        ("password", "x" * 257),
    ],
)
def test_each_broken_rule_is_named(call: Call, person: dict[str, str], field: str, value: str) -> None:
    answer = call("register_user", {**person, field: value})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == [field]


def test_a_profile_is_ones_own(call: Call, registered: dict[str, str]) -> None:
    answer = call("get_me", by=caller(registered["id"]))

    assert answer.status == 200
    assert (answer.body["id"], answer.body["username"]) == (registered["id"], registered["username"])
    assert answer.body["created_at"].endswith("Z")
    assert "password" not in answer.text


def test_without_registration_there_is_no_profile(call: Call) -> None:
    assert call("get_me", by=caller(unique())).problem() == (404, "not-found")


def authorize(invoke: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-west-1:000000000000:api/$default/GET/user/me",
        "identitySource": list(headers.values()),
        "routeKey": "GET /user/me",
        "rawPath": "/user/me",
        "rawQueryString": "",
        "headers": dict(headers),
        "requestContext": {
            "http": {"method": "GET", "path": "/user/me"},
            "requestId": "request-1",
            "stage": "$default",
        },
    }
    answer: dict[str, Any] = invoke("authorizer", event)
    return answer


def test_who_signed_in_is_let_through_to_their_profile(call: Call, invoke: Any, registered: dict[str, str]) -> None:
    token = call("login_user", credentials(registered)).body["access_token"]

    answer = authorize(invoke, {"authorization": f"Bearer {token}"})

    context = answer["context"]
    assert answer["isAuthorized"] is True
    assert set(context) == {"sub", "username", "client_id", "scope", "groups", "exp"}
    assert all(isinstance(value, str) for value in context.values())
    assert (context["sub"], context["groups"]) == (registered["id"], "")
    assert call("get_me", by=context).body["username"] == registered["username"]


def test_a_members_groups_are_named(
    call: Call, invoke: Any, registered: dict[str, str], ministack: Cloud, environment: Any
) -> None:
    ministack.client("cognito-idp").admin_add_user_to_group(
        UserPoolId=environment["USER_POOL_ID"], Username=registered["username"], GroupName="admin"
    )
    token = call("login_user", credentials(registered)).body["access_token"]

    context = authorize(invoke, {"Authorization": f"bearer {token}"})["context"]

    assert context["groups"] == "admin"
    product = {"sku": unique("S"), "name": "Tea", "price_minor": 1, "currency": "GBP"}
    assert call("create_product", product, by=context).status == 201


def test_an_id_token_opens_nothing(call: Call, invoke: Any, registered: dict[str, str]) -> None:
    token = call("login_user", credentials(registered)).body["id_token"]

    assert authorize(invoke, {"authorization": f"Bearer {token}"}) == {"isAuthorized": False}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic YTpi"},
    ],
)
def test_what_is_no_token_opens_nothing(invoke: Any, headers: dict[str, str]) -> None:
    assert authorize(invoke, headers) == {"isAuthorized": False}


def test_nothing_secret_is_logged(
    call: Call,
    invoke: Any,
    person: dict[str, str],
    log: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No password, no email, no token, no code: not even of requests that fail."""
    caplog.set_level(logging.INFO)
    call("register_user", person)
    call("register_user", person)
    call("register_user", {**person, "username": 7})
    call("confirm_user", {"username": person["username"], "code": "wrong-code"})
    call("confirm_user", {"username": person["username"], "code": MemoryAccounts.CODE})
    call("login_user", {**credentials(person), "password": "Wrong-horse-777"})
    tokens = call("login_user", credentials(person)).body
    for name in ("access_token", "id_token"):
        authorize(invoke, {"authorization": f"Bearer {tokens[name]}"})

    written = json.dumps(log()) + caplog.text + "".join(capsys.readouterr())

    assert len(log()) >= 8
    tokens_given = [tokens[name] for name in tokens if name.endswith("_token")]
    for secret in (PASSWORD.strip(), "Wrong-horse", person["email"], "wrong-code", *tokens_given):
        assert secret not in written


NEW_PASSWORD = "Another-horse-8"


def test_a_sign_in_goes_on_with_its_refresh_token_until_the_logout(call: Call, registered: dict[str, str]) -> None:
    tokens = call("login_user", credentials(registered)).body
    me = caller(registered["id"])
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}

    again = call("refresh_tokens", {"refresh_token": tokens["refresh_token"]})
    assert (again.status, again.body["token_type"]) == (200, "Bearer")
    assert again.body["access_token"]
    assert call("logout_user", by=me, headers=bearer).status == 204
    assert call("refresh_tokens", {"refresh_token": tokens["refresh_token"]}).problem() == (401, "unauthenticated")


def test_a_forgotten_password_is_set_anew(call: Call, registered: dict[str, str]) -> None:
    name = registered["username"]

    assert call("forgot_password", {"username": name}).status == 204
    wrong = call("reset_password", {"username": name, "code": "000000", "password": NEW_PASSWORD})
    assert (wrong.problem(), wrong.fields()) == ((400, "invalid-input"), ["code"])
    assert call("reset_password", {"username": name, "code": "654321", "password": NEW_PASSWORD}).status == 204
    assert call("login_user", {"username": name, "password": NEW_PASSWORD}).status == 200


def test_a_password_is_changed_by_who_knows_it(call: Call, registered: dict[str, str]) -> None:
    tokens = call("login_user", credentials(registered)).body
    me, bearer = caller(registered["id"]), {"authorization": f"Bearer {tokens['access_token']}"}
    wrong = {"old_password": "Wrong-horse-777", "new_password": NEW_PASSWORD}
    right = {"old_password": credentials(registered)["password"], "new_password": NEW_PASSWORD}

    assert call("change_password", wrong, by=me, headers=bearer).problem() == (401, "unauthenticated")
    assert call("change_password", right, by=me, headers=bearer).status == 204
    assert call("login_user", {"username": registered["username"], "password": NEW_PASSWORD}).status == 200


@pytest.mark.parametrize("module", ["resend_code", "forgot_password"])
def test_nobody_learns_who_has_an_account(call: Call, registered: dict[str, str], module: str) -> None:
    answers = [call(module, {"username": name}).status for name in (registered["username"], unique())]

    assert answers == [204, 204]


@pytest.mark.parametrize("module", ["logout_user", "change_password"])
def test_a_session_is_ended_and_a_password_changed_by_who_signed_in(call: Call, module: str) -> None:
    assert call(module, {"old_password": "x", "new_password": "y"}).problem() == (401, "unauthenticated")

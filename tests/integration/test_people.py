"""People register, confirm, sign in, and are let through by the authorizer."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest

from adapters.cognito.accounts import CognitoAccounts
from adapters.cognito.directory import ANSWERS
from adapters.memory.people import MemoryCognito
from adapters.postgres.database import Database
from domain.identity.accounts import Registration
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
    call("confirm_user", {"username": person["username"], "code": MemoryCognito.CODE})
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


def sign_up_event(person: Mapping[str, str], source: str = "PreSignUp_SignUp") -> dict[str, Any]:
    """Return what Cognito asks before it makes an account."""
    attributes = {name: person[name] for name in ("email", "name")}
    return {"triggerSource": source, "userName": person["username"], "request": {"userAttributes": attributes}}


def test_a_registration_of_ours_is_let_through_by_what_cognito_asks(
    call: Call, invoke: Any, person: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulated Cognito asks nobody; here it does."""
    sign_up = CognitoAccounts.sign_up

    def asking(accounts: CognitoAccounts, registration: Registration) -> str:
        event = sign_up_event(vars(registration))
        assert invoke("admit_sign_up", event) == event
        return sign_up(accounts, registration)

    monkeypatch.setattr(CognitoAccounts, "sign_up", asking)

    assert call("register_user", person).status == 201


@pytest.mark.parametrize("source", ["PreSignUp_SignUp", "PreSignUp_ExternalProvider"])
def test_who_goes_past_us_gets_no_account(invoke: Any, person: dict[str, str], source: str) -> None:
    """Nor who comes from a provider that nobody here has thought of."""
    with pytest.raises(Exception, match="register at /user/register"):
        invoke("admit_sign_up", sign_up_event(person, source))


def test_an_email_that_has_been_registered_lets_nobody_past_us(invoke: Any, registered: dict[str, str]) -> None:
    with pytest.raises(Exception, match="register at /user/register"):
        invoke("admit_sign_up", sign_up_event(registered))


def test_whom_the_shop_invites_is_not_asked_about(invoke: Any, person: dict[str, str]) -> None:
    event = sign_up_event(person, "PreSignUp_AdminCreateUser")

    assert invoke("admit_sign_up", event) == event


def test_a_registration_is_confirmed_without_a_body(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    answer = call("confirm_user", {"username": person["username"], "code": MemoryCognito.CODE})

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
    refused = call("register_user", {**person, "email": "other@example.com"})

    assert (refused.problem(), refused.fields()) == ((409, "conflict"), ["username"])


def test_a_wrong_code_is_refused(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    answer = call("confirm_user", {"username": person["username"], "code": "000000"})

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == ["code"]


def test_before_confirmation_nobody_signs_in(call: Call, person: dict[str, str]) -> None:
    call("register_user", person)

    assert call("login_user", credentials(person)).problem() == (409, "not-confirmed")


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
        ("email", "Ann Lee <ann@example.com>"),
        ("email", "ann@localhost"),
        ("email", "ann..lee@example.com"),
        ("email", '"ann lee"@example.com'),
        ("email", "ann@[203.0.113.7]"),
        ("email", "ann@-example.com"),
        ("email", "ann\u00e9@example.com"),
        ("name", "Ann7"),
        ("name", "Ann  Lee"),
        ("name", "Ann_Lee"),
        ("name", "x" * 101),
        ("name", "O'Neill"),
        ("name", "\u0301Ann"),
        ("name", "Ann\tLee"),
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
    call("confirm_user", {"username": person["username"], "code": MemoryCognito.CODE})
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

    refused = call("change_password", wrong, by=me, headers=bearer)
    assert (refused.problem(), refused.fields()) == ((400, "invalid-input"), ["old_password"])
    assert call("change_password", right, by=me, headers=bearer).status == 204
    assert call("login_user", {"username": registered["username"], "password": NEW_PASSWORD}).status == 200


@pytest.mark.parametrize("module", ["resend_code", "forgot_password"])
def test_nobody_learns_who_has_an_account(call: Call, registered: dict[str, str], module: str) -> None:
    answers = [call(module, {"username": name}).status for name in (registered["username"], unique())]

    assert answers == [204, 204]


@pytest.mark.parametrize("module", ["logout_user", "change_password"])
def test_a_session_is_ended_and_a_password_changed_by_who_signed_in(call: Call, module: str) -> None:
    assert call(module, {"old_password": "x", "new_password": "y"}).problem() == (401, "unauthenticated")


@pytest.fixture(params=["dynamodb", "postgres"])
def store(request: pytest.FixtureRequest, rewire: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Keep profiles in one store and then in the other, as a deployment's setting says."""
    rewire(USER_STORE=request.param)
    for name, module in list(sys.modules.items()):
        if name.startswith("handlers.") and name != "handlers.wiring" and hasattr(module, "users"):
            monkeypatch.delitem(sys.modules, name)
    return str(request.param)


@pytest.mark.parametrize(
    "name",
    [
        "\u674e\u5c0f\u9f99",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
        "Jose\u0301 Garci\u0301a",
        "\u0391\u03bd\u03bd\u03b1 \u039b\u03b7",
    ],
)
def test_names_are_letters_and_spaces_in_any_script(call: Call, person: dict[str, str], name: str) -> None:
    answer = call("register_user", {**person, "name": name})

    assert (answer.status, answer.body.get("name")) == (201, name)


def test_an_address_is_kept_as_mail_is_sent_to_it(call: Call, person: dict[str, str]) -> None:
    local = person["username"]

    answer = call("register_user", {**person, "email": f" {local}@B\u00fccher.EXAMPLE.com "})

    assert answer.body["email"] == f"{local}@xn--bcher-kva.example.com"
    again = call("register_user", {**person, "username": unique(), "email": f"{local.upper()}@b\u00fccher.example.com"})
    assert again.problem() == (409, "conflict")


def test_capitals_make_no_other_username(call: Call, registered: dict[str, str]) -> None:
    assert call("login_user", {**credentials(registered), "username": registered["username"].upper()}).status == 200
    again = {**registered, "username": registered["username"].upper(), "email": f"{unique()}@example.com"}
    del again["id"]
    assert call("register_user", again).problem() == (409, "conflict")


def test_a_user_lives_in_the_store_that_the_deployment_names(
    store: str, call: Call, person: dict[str, str], profiles: Database, ministack: Cloud, environment: Any
) -> None:
    user = call("register_user", person).body
    in_dynamodb = ministack.client("dynamodb").get_item(
        TableName=environment["USERS_TABLE"], Key={"id": {"S": user["id"]}}
    )
    in_postgres = profiles.query("SELECT id FROM users WHERE id = %s", [user["id"]])

    assert ("Item" in in_dynamodb, bool(in_postgres)) == (store == "dynamodb", store == "postgres")
    call("confirm_user", {"username": person["username"], "code": MemoryCognito.CODE})
    assert call("login_user", credentials(person)).status == 200
    assert call("get_me", by=caller(user["id"])).body == user


def test_an_email_belongs_to_one_user_whoever_makes_them(store: str, call: Call, person: dict[str, str]) -> None:
    call("register_user", person)
    other = {**person, "username": unique()}

    refused = call("register_user", other)
    assert (refused.problem(), refused.fields()) == ((409, "conflict"), ["email"])
    invited = call("create_user", {"name": "Ann", "email": person["email"]}, by=caller("ada", "admin"))
    assert (invited.problem(), invited.fields()) == ((400, "invalid-input"), ["email"])


def test_an_admin_invites_somebody_who_sets_a_password_at_the_first_sign_in(
    store: str, call: Call, ministack: Cloud, environment: Any
) -> None:
    email = f"{unique('cleo')}@example.com"
    user = call("create_user", {"name": "Cleo Lee", "email": email}, by=caller("ada", "admin"))
    assert (user.status, user.body["username"], user.body["name"]) == (201, email, "Cleo Lee")
    ministack.client("cognito-idp").admin_set_user_password(  # the one that was sent is in an email only
        UserPoolId=environment["USER_POOL_ID"], Username=email, Password="First-password-1", Permanent=False
    )

    challenge = call("login_user", {"username": email, "password": "First-password-1"})
    assert (challenge.status, set(challenge.body)) == (200, {"challenge", "session"})
    tokens = call("answer_challenge", {**challenge.body, "username": email, "answer": PASSWORD})

    assert (tokens.status, tokens.body["token_type"]) == (200, "Bearer")
    assert call("login_user", {"username": email, "password": PASSWORD}).status == 200
    assert call("get_me", by=caller(user.body["id"])).body == user.body


@pytest.mark.parametrize("field", ["username", "challenge", "session", "answer"])
def test_an_answer_to_a_challenge_is_whole(call: Call, field: str) -> None:
    body = {"username": "ann", "challenge": "SMS_MFA", "session": "s" * 20, "answer": "123456"}

    answer = call("answer_challenge", {**body, field: "?" if field in ("challenge", "session") else ""})

    assert (answer.problem(), answer.fields()) == ((400, "invalid-input"), [field])


def test_every_challenge_that_cognito_gives_us_can_be_answered(environment: Any) -> None:
    from handlers.answer_challenge import ChallengeBody  # noqa: PLC0415 - handlers are imported when their variables are set

    challenges = get_args(ChallengeBody.model_fields["challenge"].annotation)

    assert set(challenges) == set(ANSWERS)


def test_admins_see_everybody_page_by_page(store: str, call: Call) -> None:
    made = [
        call("create_user", {"name": "Ann", "email": f"{unique()}@example.com"}, by=caller("ada", "admin")).body
        for _ in range(5)
    ]

    found, cursor = [], ""
    while cursor is not None:
        page = call(
            "list_users", by=caller("ada", "admin"), query={"limit": "2"} | ({"cursor": cursor} if cursor else {})
        )
        assert (page.status, set(page.body), len(page.body["users"]) <= 2) == (200, {"users", "next_cursor"}, True)
        found += page.body["users"]
        cursor = page.body["next_cursor"]

    ids = [one["id"] for one in found]
    assert len(ids) == len(set(ids))
    assert [one for one in made if one in found] == made


@pytest.mark.parametrize("module", ["list_users", "create_user"])
def test_users_are_listed_and_invited_by_admins_only(call: Call, module: str) -> None:
    assert call(module, {"name": "Ann", "email": "a@example.com"}, by=caller(unique())).problem() == (403, "forbidden")
    assert call(module, {"name": "Ann", "email": "a@example.com"}).problem() == (401, "unauthenticated")


def test_who_leaves_is_gone_and_their_items_too(store: str, call: Call, person: dict[str, str]) -> None:
    me = call("register_user", person).body["id"]
    call("confirm_user", {"username": person["username"], "code": MemoryCognito.CODE})
    bearer = {"authorization": f"Bearer {call('login_user', credentials(person)).body['access_token']}"}
    item = call("create_item", {"name": "A thing"}, by=caller(me)).body["id"]

    gone = call("delete_me", by=caller(me), headers=bearer)

    assert (gone.status, gone.text) == (204, "")
    assert call("get_me", by=caller(me)).problem() == (404, "not-found")
    assert call("get_item", by=caller(me), path={"id": item}).problem() == (404, "not-found")
    assert call("login_user", credentials(person)).problem() == (401, "unauthenticated")
    assert call("register_user", person).status == 201


def test_only_who_signed_in_can_leave(call: Call) -> None:
    assert call("delete_me").problem() == (401, "unauthenticated")

"""Passwords, tokens, codes and addresses go through every function, and none of them stays in the log."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.leaks import leaks
from tests.e2e.running import eventually, logged_as
from tests.e2e.shop import CODE, RESET_CODE, Person, Shop

pytestmark = pytest.mark.xdist_group("e2e")

FUNCTIONS = (
    *("RegisterUser", "ConfirmUser", "LoginUser", "ResendCode", "RefreshTokens", "ForgotPassword", "ResetPassword"),
    *("ChangePassword", "LogoutUser", "GetMe", "Authorizer"),
)


def new_password() -> str:
    return f"Pass-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def person(shop: Shop) -> Person:
    """Go through all that people do with secrets, with and without success; return who did it."""
    person, public = shop.newcomer(), shop.public
    named = {"username": person.username}
    shop.register(person)
    shop.register(person)
    public("POST", "/user/resend", named)
    shop.confirm(person, "000000")
    shop.confirm(person)
    shop.login(person.username, new_password())
    signed_in = shop.signed_in(person.username, person.password)
    signed_in.get("/user/me")
    login = shop.login(person.username, person.password).json()
    refreshed = public("POST", "/user/refresh", {"refresh_token": login["refresh_token"]})
    public("POST", "/user/refresh", {"refresh_token": login["id_token"]})
    second = new_password()
    signed_in("POST", "/user/password", {"old_password": new_password(), "new_password": new_password()})
    changed = signed_in("POST", "/user/password", {"old_password": person.password, "new_password": second})
    public("POST", "/user/password/forgot", named)
    public("POST", "/user/password/reset", {**named, "code": CODE, "password": new_password()})
    third = new_password()
    reset = public("POST", "/user/password/reset", {**named, "code": RESET_CODE, "password": third})
    public("POST", "/user/password/reset", {**named, "code": RESET_CODE, "password": "short"})
    assert (refreshed.status_code, changed.status_code, reset.status_code) == (200, 204, 204)
    last = shop.signed_in(person.username, third)
    last("GET", f"/orders?cursor={last.token}")
    last("POST", "/orders", {"lines": last.token}, key=str(last.token)[:255])
    last("GET", f"/products/{quote(last.email)}")
    assert last("POST", "/user/logout").status_code == 204
    return last


def test_nothing_that_people_keep_secret_is_logged(shop: Shop, person: Person) -> None:
    log = Path(shop.info.log)

    def seen() -> bool:
        found = {json.loads(line)["function"] for line in log.read_text().splitlines()}
        return found >= {logged_as(one) for one in FUNCTIONS}

    eventually(seen)
    assert {person.password, person.email, person.token} < shop.secrets
    assert leaks(log.read_text(), shop.secrets) == set()


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("{secret}", id="as it is"),
        pytest.param('{{"body": "{{\\"password\\": \\"{secret}\\"}}"}}', id="in JSON in JSON"),
        pytest.param("{quoted}", id="URL-encoded"),
        pytest.param("{base64}", id="in base64"),
        pytest.param("{base64_after_1}", id="in base64 after a byte"),
        pytest.param("{base64_after_2}", id="in base64 after two bytes"),
    ],
)
def test_the_search_finds_each_secret_in_a_copy_of_the_log(shop: Shop, person: Person, planted: str) -> None:
    log = Path(shop.info.log).read_text()

    for secret in (person.password, person.email, str(person.token)):
        forms = {
            "secret": secret,
            "quoted": quote(secret, safe=""),
            "base64": base64.b64encode(f"{secret}!".encode()).decode(),
            "base64_after_1": base64.urlsafe_b64encode(f"!{secret}!!".encode()).decode(),
            "base64_after_2": base64.b64encode(f'!"{secret}"'.encode()).decode(),
        }
        line = json.dumps({"at": "now", "function": "F", "request_id": "1", "line": planted.format(**forms)})
        assert leaks(f"{log}{line}\n", shop.secrets) == {secret}


@pytest.mark.parametrize("code", [CODE, RESET_CODE])
def test_the_search_finds_codes_as_words_and_not_within_ids_and_times(code: str) -> None:
    for line in (f'{{"code": "{code}"}}', f'{{\\"code\\":\\"{code}\\"}}', f"code={code}&x", f"wrong code {code}", code):
        assert leaks(line, ()) == {code}
    for line in (f"0a{code}ff-1", f"2026-11-21T00:00:00.{code}+00:00", f"id-{code}", f"{code}7", f"{code}-aa"):
        assert leaks(line, ()) == set()

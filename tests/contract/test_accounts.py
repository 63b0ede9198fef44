"""What every sign-in service promises."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from adapters.cognito.directory import ANSWERS, CognitoDirectory
from adapters.memory.people import MemoryCognito
from domain.errors import (
    Conflict,
    InvalidInput,
    NotConfirmed,
    ResetRequired,
    TradepostError,
    Unauthenticated,
    Unavailable,
)
from domain.identity.accounts import Answer, Challenge, Registration, SignedIn, Standing

PASSWORD = "Correct-horse-7"
ANN = Registration("ann", "ann@example.com", "Ann", PASSWORD)
BOB = Registration("bob", "bob@example.com", "Bob", PASSWORD)
ADDRESS = "203.0.113.7"
CODE, RESET_CODE = MemoryCognito.CODE, MemoryCognito.RESET_CODE


def test_registered_and_confirmed_people_can_sign_in(accounts: Any, directory: Any) -> None:
    subject = accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)

    found = directory.login("ann", PASSWORD, ADDRESS)
    tokens = found.tokens

    assert (found.subject, found.username) == (subject, "ann")
    assert (found.email, found.name) == ("ann@example.com", "Ann")
    assert tokens.access_token
    assert tokens.id_token
    assert tokens.refresh_token
    assert tokens.expires_in == 3600
    assert len({tokens.access_token, tokens.id_token, tokens.refresh_token}) == 3


def test_everybody_has_a_subject_of_their_own(accounts: Any) -> None:
    assert accounts.sign_up(ANN) != accounts.sign_up(BOB)


def test_a_username_is_taken_once(accounts: Any) -> None:
    accounts.sign_up(ANN)

    with pytest.raises(Conflict):
        accounts.sign_up(Registration("ann", "other@example.com", "Ann", PASSWORD))


def test_a_weak_password_is_refused(accounts: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        accounts.sign_up(Registration("ann", "ann@example.com", "Ann", "short"))

    assert [one.field for one in error.value.problems] == ["password"]
    assert accounts.sign_up(ANN)


def test_a_wrong_code_is_refused_and_the_right_one_still_works(accounts: Any, directory: Any) -> None:
    accounts.sign_up(ANN)

    with pytest.raises(InvalidInput) as error:
        accounts.confirm("ann", "000000")

    assert [one.field for one in error.value.problems] == ["code"]
    accounts.confirm("ann", CODE)
    assert directory.login("ann", PASSWORD, ADDRESS)


def test_before_confirmation_nobody_signs_in(accounts: Any, directory: Any) -> None:
    accounts.sign_up(ANN)

    with pytest.raises(NotConfirmed):
        directory.login("ann", PASSWORD, ADDRESS)


def test_a_wrong_password_and_an_unknown_person_are_refused_alike(accounts: Any, directory: Any) -> None:
    """Nobody may learn who has an account (OWASP, "Authentication Cheat Sheet")."""
    accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)

    with pytest.raises(Unauthenticated) as wrong:
        directory.login("ann", "Wrong-horse-777", ADDRESS)
    with pytest.raises(Unauthenticated) as unknown:
        directory.login("nobody", PASSWORD, ADDRESS)

    assert str(wrong.value) == str(unknown.value)


def test_an_unknown_person_has_nothing_to_confirm(accounts: Any) -> None:
    with pytest.raises(TradepostError):
        accounts.confirm("nobody", CODE)


class Refusing:
    """Cognito when it answers every call with one error."""

    def __init__(self, code: str) -> None:
        self._error = ClientError({"Error": {"Code": code, "Message": "said Cognito"}}, "Any")

    def __getattr__(self, _: str) -> Any:
        def refuse(**__: Any) -> None:
            raise self._error

        return refuse


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("UsernameExistsException", Conflict),
        ("AliasExistsException", Conflict),
        ("UserNotConfirmedException", NotConfirmed),
        ("PasswordResetRequiredException", ResetRequired),
        ("NotAuthorizedException", Unauthenticated),
        ("UserNotFoundException", Unauthenticated),
        ("CodeMismatchException", InvalidInput),
        ("ExpiredCodeException", InvalidInput),
        ("InvalidPasswordException", InvalidInput),
        ("InvalidParameterException", InvalidInput),
        ("TooManyRequestsException", Unavailable),
        ("LimitExceededException", Unavailable),
        ("InternalErrorException", ClientError),
    ],
)
def test_every_refusal_of_cognito_has_its_meaning(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        CognitoDirectory(Refusing(code), "pool", "client").login("ann", PASSWORD, ADDRESS)  # type: ignore[arg-type] # a stand-in


def test_a_sign_in_that_needs_a_step_that_nobody_can_make_here_is_refused() -> None:
    class Challenging:
        def admin_initiate_auth(self, **_: Any) -> Any:
            return {"ChallengeName": "MFA_SETUP", "Session": "s"}

    with pytest.raises(Unauthenticated, match="MFA_SETUP"):
        CognitoDirectory(Challenging(), "pool", "client").login("ann", PASSWORD, ADDRESS)  # type: ignore[arg-type] # a stand-in


NEW = "Another-horse-8"


@pytest.fixture
def ann(accounts: Any, directory: Any) -> Any:
    """Return the tokens of Ann, who has registered, confirmed and signed in."""
    accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)
    return directory.login("ann", PASSWORD, ADDRESS).tokens


def test_a_refresh_token_gives_new_tokens(accounts: Any, ann: Any) -> None:
    again = accounts.refresh(ann.refresh_token)

    assert again.access_token
    assert again.id_token
    assert again.expires_in == 3600


@pytest.mark.parametrize("wrong", ["nonsense", ""])
def test_what_is_no_refresh_token_is_refused(accounts: Any, ann: Any, wrong: str) -> None:
    with pytest.raises((Unauthenticated, InvalidInput)):
        accounts.refresh(wrong or ann.access_token)


def test_after_a_logout_nothing_can_be_refreshed(accounts: Any, ann: Any) -> None:
    accounts.logout(ann.access_token)

    with pytest.raises(Unauthenticated):
        accounts.refresh(ann.refresh_token)


def test_a_forgotten_password_is_set_anew(accounts: Any, directory: Any, ann: Any) -> None:
    accounts.forgot("ann")
    with pytest.raises(InvalidInput):
        accounts.reset("ann", "000000", NEW)
    accounts.reset("ann", RESET_CODE, NEW)

    assert directory.login("ann", NEW, ADDRESS)
    with pytest.raises(Unauthenticated):
        directory.login("ann", PASSWORD, ADDRESS)


def test_a_weak_new_password_is_refused(accounts: Any, ann: Any) -> None:
    accounts.forgot("ann")

    with pytest.raises(InvalidInput):
        accounts.reset("ann", RESET_CODE, "short")
    with pytest.raises(InvalidInput) as error:
        accounts.change(ann.access_token, PASSWORD, "short")
    assert [one.field for one in error.value.problems] == ["new_password"]


def test_a_password_is_changed_by_who_knows_it(accounts: Any, directory: Any, ann: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        accounts.change(ann.access_token, "Wrong-horse-777", NEW)
    assert [one.field for one in error.value.problems] == ["old_password"]
    accounts.change(ann.access_token, PASSWORD, NEW)

    assert directory.login("ann", NEW, ADDRESS)


def test_nobody_learns_who_has_an_account(accounts: Any, directory: Any, ann: Any) -> None:
    directory.invite("cleo@example.com", "Cleo")
    accounts.sign_up(BOB)
    for username in ("ann", "bob", "cleo@example.com", "nobody"):
        assert accounts.forgot(username) is None
        assert accounts.resend(username) is None
    with pytest.raises(InvalidInput):
        accounts.reset("nobody", RESET_CODE, NEW)


def test_an_account_shows_how_far_it_has_come(accounts: Any, directory: Any) -> None:
    subject = accounts.sign_up(ANN)

    found = directory.find("ann")
    assert (found.subject, found.email, found.standing) == (subject, ANN.email, Standing.UNCONFIRMED)
    assert found.created_at.tzinfo
    accounts.confirm("ann", CODE)
    assert directory.find("ann").standing == Standing.ACTIVE


def test_an_account_that_is_removed_is_gone_and_its_username_free(accounts: Any, directory: Any) -> None:
    first = accounts.sign_up(ANN)

    directory.remove(first)
    assert directory.find("ann") is None
    second = accounts.sign_up(ANN)
    directory.remove(first)

    assert directory.find("ann").subject == second


def test_a_token_is_good_until_its_person_signs_out(accounts: Any, ann: Any) -> None:
    accounts.check(ann.access_token)
    accounts.logout(ann.access_token)

    with pytest.raises(Unauthenticated):
        accounts.check(ann.access_token)


@pytest.mark.parametrize("verified", [False, "false", None])
def test_an_email_that_was_not_shown_to_be_theirs_is_nobodys(verified: Any) -> None:
    claims = {"sub": "s", "cognito:username": "ann", "email": "ann@example.com", "email_verified": verified}
    token = f".{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}."

    class Answering:
        def admin_initiate_auth(self, **_: Any) -> Any:
            return {"AuthenticationResult": {"AccessToken": "a", "IdToken": token, "ExpiresIn": 3600}}

    found = CognitoDirectory(Answering(), "pool", "client").login("ann", PASSWORD, ADDRESS)  # type: ignore[arg-type] # a stand-in

    assert isinstance(found, SignedIn)
    assert found.email is None


def test_nobody_is_found_who_never_registered(directory: Any) -> None:
    assert directory.find("nobody") is None


def test_an_invitation_is_an_account_that_waits_for_its_first_sign_in(directory: Any) -> None:
    subject = directory.invite("cleo@example.com", "Cleo")

    found = directory.find("cleo@example.com")
    assert (found.subject, found.email, found.standing) == (subject, "cleo@example.com", Standing.INVITED)
    with pytest.raises(Conflict):
        directory.invite("cleo@example.com", "Cleo")


def test_ones_own_account_is_closed_for_good(accounts: Any, directory: Any, ann: Any) -> None:
    accounts.close(ann.access_token)

    assert directory.find("ann") is None
    with pytest.raises(Unauthenticated):
        accounts.refresh(ann.refresh_token)
    with pytest.raises(Unauthenticated):
        accounts.close(ann.access_token)


class Recording:
    """Cognito when it answers every sign-in with a challenge, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def __getattr__(self, _: str) -> Any:
        def answer(**asked: Any) -> Any:
            self.asked = asked
            return {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "the-next-session"}

        return answer


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_goes_to_cognito_under_the_challenges_own_name(name: str) -> None:
    """Source: Cognito API Reference, "AdminRespondToAuthChallenge"."""
    cognito = Recording()
    answer = Answer("ann", Challenge(name, "the-session"), "the-answer")

    outcome = CognitoDirectory(cognito, "pool", "client").answer(answer, ADDRESS)  # type: ignore[arg-type] # a stand-in

    assert outcome == Challenge("SOFTWARE_TOKEN_MFA", "the-next-session")
    assert (cognito.asked["ChallengeName"], cognito.asked["Session"]) == (name, "the-session")
    assert cognito.asked["ChallengeResponses"] == {"USERNAME": "ann", ANSWERS[name]: "the-answer"}


def test_the_clients_address_reaches_cognito() -> None:
    cognito = Recording()
    directory = CognitoDirectory(cognito, "pool", "client")  # type: ignore[arg-type] # a stand-in

    directory.login("ann", PASSWORD, ADDRESS)
    assert cognito.asked["ContextData"]["IpAddress"] == ADDRESS
    directory.answer(Answer("ann", Challenge("SMS_MFA", "the-session"), "123456"), ADDRESS)
    assert cognito.asked["ContextData"]["IpAddress"] == ADDRESS
    directory.login("ann", PASSWORD, "")
    assert "ContextData" not in cognito.asked


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("CodeMismatchException", InvalidInput),
        ("ExpiredCodeException", InvalidInput),
        ("InvalidPasswordException", InvalidInput),
        ("NotAuthorizedException", Unauthenticated),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_of_the_answer(code: str, error: type[Exception]) -> None:
    directory = CognitoDirectory(Refusing(code), "pool", "client")  # type: ignore[arg-type] # a stand-in

    with pytest.raises(error) as refused:
        directory.answer(Answer("ann", Challenge("SMS_MFA", "the-session"), "wrong"), ADDRESS)
    assert [one.field for one in getattr(refused.value, "problems", ())] == ["answer"] * (error is InvalidInput)

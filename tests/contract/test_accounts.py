"""What every sign-in service promises."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from adapters.cognito import CognitoAccounts
from adapters.memory.others import MemoryAccounts
from domain.errors import Conflict, InvalidInput, TradepostError, Unauthenticated, Unavailable
from domain.identity.users import Registration

PASSWORD = "Correct-horse-7"
ANN = Registration("ann", "ann@example.com", "Ann", PASSWORD)
BOB = Registration("bob", "bob@example.com", "Bob", PASSWORD)
CODE, RESET_CODE = MemoryAccounts.CODE, MemoryAccounts.RESET_CODE


def test_registered_and_confirmed_people_can_sign_in(accounts: Any) -> None:
    subject = accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)

    found = accounts.login("ann", PASSWORD)
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


def test_a_wrong_code_is_refused_and_the_right_one_still_works(accounts: Any) -> None:
    accounts.sign_up(ANN)

    with pytest.raises(InvalidInput) as error:
        accounts.confirm("ann", "000000")

    assert [one.field for one in error.value.problems] == ["code"]
    accounts.confirm("ann", CODE)
    assert accounts.login("ann", PASSWORD)


def test_before_confirmation_nobody_signs_in(accounts: Any) -> None:
    accounts.sign_up(ANN)

    with pytest.raises(Conflict):
        accounts.login("ann", PASSWORD)


def test_a_wrong_password_and_an_unknown_person_are_refused_alike(accounts: Any) -> None:
    """Nobody may learn who has an account (OWASP, "Authentication Cheat Sheet")."""
    accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)

    with pytest.raises(Unauthenticated) as wrong:
        accounts.login("ann", "Wrong-horse-777")
    with pytest.raises(Unauthenticated) as unknown:
        accounts.login("nobody", PASSWORD)

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
        ("UserNotConfirmedException", Conflict),
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
        CognitoAccounts(Refusing(code), "client").login("ann", PASSWORD)  # type: ignore[arg-type] # a stand-in


def test_a_sign_in_that_needs_one_more_step_is_refused() -> None:
    class Challenging:
        def initiate_auth(self, **_: Any) -> Any:
            return {"ChallengeName": "SMS_MFA", "Session": "s"}

    with pytest.raises(Unauthenticated, match="SMS_MFA"):
        CognitoAccounts(Challenging(), "client").login("ann", PASSWORD)  # type: ignore[arg-type] # a stand-in


NEW = "Another-horse-8"


@pytest.fixture
def ann(accounts: Any) -> Any:
    """Return the tokens of Ann, who has registered, confirmed and signed in."""
    accounts.sign_up(ANN)
    accounts.confirm("ann", CODE)
    return accounts.login("ann", PASSWORD).tokens


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


def test_a_forgotten_password_is_set_anew(accounts: Any, ann: Any) -> None:
    accounts.forgot("ann")
    with pytest.raises(InvalidInput):
        accounts.reset("ann", "000000", NEW)
    accounts.reset("ann", RESET_CODE, NEW)

    assert accounts.login("ann", NEW)
    with pytest.raises(Unauthenticated):
        accounts.login("ann", PASSWORD)


def test_a_weak_new_password_is_refused(accounts: Any, ann: Any) -> None:
    accounts.forgot("ann")

    with pytest.raises(InvalidInput):
        accounts.reset("ann", RESET_CODE, "short")
    with pytest.raises(InvalidInput):
        accounts.change(ann.access_token, PASSWORD, "short")


def test_a_password_is_changed_by_who_knows_it(accounts: Any, ann: Any) -> None:
    with pytest.raises(Unauthenticated):
        accounts.change(ann.access_token, "Wrong-horse-777", NEW)
    accounts.change(ann.access_token, PASSWORD, NEW)

    assert accounts.login("ann", NEW)


def test_nobody_learns_who_has_an_account(accounts: Any, ann: Any) -> None:
    for username in ("ann", "nobody"):
        assert accounts.forgot(username) is None
        assert accounts.resend(username) is None
    with pytest.raises(InvalidInput):
        accounts.reset("nobody", RESET_CODE, NEW)

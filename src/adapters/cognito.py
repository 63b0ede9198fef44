"""Sign-in accounts in a Cognito user pool, through its public operations."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters.aws import available
from domain.errors import Conflict, FieldProblem, InvalidInput, TradepostError, Unauthenticated, Unavailable
from domain.identity.users import Registration, SignedIn, Tokens

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import InitiateAuthResponseTypeDef

WRONG_LOGIN = "wrong username or password"


class CognitoAccounts:
    """The accounts of one app client without a secret."""

    def __init__(self, client: CognitoIdentityProviderClient, client_id: str) -> None:
        self._client = client
        self._client_id = client_id

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject."""
        with _translated():
            answer = self._client.sign_up(
                ClientId=self._client_id,
                Username=registration.username,
                Password=registration.password,
                UserAttributes=[
                    {"Name": "email", "Value": registration.email},
                    {"Name": "name", "Value": registration.name},
                ],
            )
        return answer["UserSub"]

    def confirm(self, username: str, code: str) -> None:
        """Confirm an account. Raises InvalidInput for a wrong or old code, Conflict when it is confirmed already."""
        confirmed = Conflict("this registration is confirmed already: sign in")
        with _translated(NotAuthorizedException=confirmed):
            self._client.confirm_sign_up(ClientId=self._client_id, Username=username, ConfirmationCode=code)

    def login(self, username: str, password: str) -> SignedIn:
        """Sign in. Raises Unauthenticated, without saying what was wrong; Conflict before confirmation."""
        with _translated():
            answer = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": password},
            )
        tokens = _tokens(answer)
        person = _claims(tokens.id_token)
        username = str(person["cognito:username"])
        return SignedIn(tokens, person["sub"], username, person.get("email", ""), person.get("name", username))

    def resend(self, username: str) -> None:
        """Send the confirmation code again, where somebody waits for one; never tells who does."""
        with _translated(), _silently():
            self._client.resend_confirmation_code(ClientId=self._client_id, Username=username)

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises Unauthenticated when it has ended or was signed out."""
        ended = Unauthenticated("sign in again")
        with _translated(NotAuthorizedException=ended):
            answer = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
        return _tokens(answer)

    def logout(self, access_token: str) -> None:
        """End all sessions of a person: their refresh tokens are worth nothing from now on."""
        with _translated(NotAuthorizedException=Unauthenticated("sign in again")):
            self._client.global_sign_out(AccessToken=access_token)

    def forgot(self, username: str) -> None:
        """Send a code for a new password, where there is such a person; never tells whether."""
        with _translated(), _silently():
            self._client.forgot_password(ClientId=self._client_id, Username=username)

    def reset(self, username: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent. Raises InvalidInput for the code or the password."""
        unknown = _invalid("code", "is not the code that was sent")
        with _translated(UserNotFoundException=unknown):
            self._client.confirm_forgot_password(
                ClientId=self._client_id, Username=username, ConfirmationCode=code, Password=password
            )

    def change(self, access_token: str, old: str, new: str) -> None:
        """Set a new password. Raises Unauthenticated for a wrong old one, InvalidInput for a weak new one."""
        with _translated(NotAuthorizedException=Unauthenticated("the old password is wrong, or sign in again")):
            self._client.change_password(AccessToken=access_token, PreviousPassword=old, ProposedPassword=new)


def _tokens(answer: InitiateAuthResponseTypeDef) -> Tokens:
    if "AuthenticationResult" not in answer:
        raise Unauthenticated(f"sign-in needs one more step: {answer.get('ChallengeName', 'unknown')}")
    found = answer["AuthenticationResult"]
    return Tokens(found["AccessToken"], found["IdToken"], found.get("RefreshToken"), found["ExpiresIn"])


@contextmanager
def _silently() -> Iterator[None]:
    """Keep to ourselves whether somebody has an account, or has confirmed it."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("UserNotFoundException", "InvalidParameterException"):
            raise


def _claims(id_token: str) -> dict[str, Any]:
    """Return what an id token says; it came from Cognito itself just now, so there is nothing to verify."""
    payload = id_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@contextmanager
def _translated(**own: TradepostError) -> Iterator[None]:
    """Turn Cognito's refusals into the domain's; `own` are those that mean something else in one operation."""
    try:
        with available():
            yield
    except ClientError as error:
        raise own.get(error.response["Error"]["Code"]) or _refusal(error) from error


def _refusal(error: ClientError) -> Exception:
    refusals: dict[str, TradepostError] = {
        "UsernameExistsException": Conflict("this username is taken"),
        "AliasExistsException": Conflict("this email is taken"),
        "UserNotConfirmedException": Conflict("confirm the registration first: the code was sent by email"),
        "NotAuthorizedException": Unauthenticated(WRONG_LOGIN),
        "UserNotFoundException": Unauthenticated(WRONG_LOGIN),
        "CodeMismatchException": _invalid("code", "is not the code that was sent"),
        "ExpiredCodeException": _invalid("code", "is no longer valid"),
        "InvalidPasswordException": _invalid("password", error.response["Error"].get("Message", "is too weak")),
        "InvalidParameterException": _invalid("body", error.response["Error"].get("Message", "is not accepted")),
        "PasswordResetRequiredException": Conflict("the password must be reset before the next sign-in"),
        "CodeDeliveryFailureException": Unavailable("the code could not be sent; try again later"),
        "TooManyFailedAttemptsException": Unavailable("too many tries; try again later"),
    }
    return refusals.get(error.response["Error"]["Code"], error)


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"the {field} was not accepted", [FieldProblem(field, message)])

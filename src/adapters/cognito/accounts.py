"""Sign-in accounts in a Cognito user pool, through its public operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters.cognito.answers import all_about, invalid, tokens, translated
from domain.errors import Conflict, Unauthenticated
from domain.identity.accounts import Registration, Tokens

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

SIGN_IN_AGAIN = "sign in again"
NOTHING_TO_SEND = ("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException")
"""Nobody of that name; or confirmed already, or not yet; or invited, or disabled."""


class CognitoAccounts:
    """The accounts of one app client without a secret."""

    def __init__(self, client: CognitoIdentityProviderClient, client_id: str) -> None:
        self._client = client
        self._client_id = client_id

    def sign_up(self, registration: Registration) -> str:
        """Make an account that waits for its code; return its subject."""
        with translated():
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
        with translated(NotAuthorizedException=confirmed):
            self._client.confirm_sign_up(ClientId=self._client_id, Username=username, ConfirmationCode=code)

    def resend(self, username: str) -> None:
        """Send the confirmation code again, where somebody waits for one; never tells who does."""
        with translated(), _silently():
            self._client.resend_confirmation_code(ClientId=self._client_id, Username=username)

    def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises Unauthenticated when it has ended or was signed out."""
        ended = Unauthenticated(SIGN_IN_AGAIN)
        with translated(NotAuthorizedException=ended):
            answer = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
        return tokens(answer["AuthenticationResult"])

    def logout(self, access_token: str) -> None:
        """End all sessions of a person: their refresh tokens are worth nothing from now on."""
        with translated(NotAuthorizedException=Unauthenticated(SIGN_IN_AGAIN)):
            self._client.global_sign_out(AccessToken=access_token)

    def forgot(self, username: str) -> None:
        """Send a code for a new password, where there is such a person; never tells whether."""
        with translated(), _silently():
            self._client.forgot_password(ClientId=self._client_id, Username=username)

    def reset(self, username: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent. Raises InvalidInput for the code or the password."""
        unknown = invalid("code", "is not the code that was sent")
        with translated(UserNotFoundException=unknown):
            self._client.confirm_forgot_password(
                ClientId=self._client_id, Username=username, ConfirmationCode=code, Password=password
            )

    def change(self, access_token: str, old: str, new: str) -> None:
        """Set a new password. Raises InvalidInput for either password, Unauthenticated as `check` does."""
        self.check(access_token)  # Cognito's refusal of the old password is that of a token, too
        try:
            with all_about("new_password"), translated():
                self._client.change_password(AccessToken=access_token, PreviousPassword=old, ProposedPassword=new)
        except Unauthenticated:
            raise invalid("old_password", "is wrong") from None

    def check(self, access_token: str) -> None:
        """Ask whether a token is still good. Raises Unauthenticated when it has ended, or the account."""
        with _ended():
            self._client.get_user(AccessToken=access_token)

    def close(self, access_token: str) -> None:
        """Remove the person's own account. Raises Unauthenticated when the token has ended, or the account."""
        with _ended():
            self._client.delete_user(AccessToken=access_token)


@contextmanager
def _ended() -> Iterator[None]:
    """Say of a token, or of the account behind it, that it has ended."""
    ended = Unauthenticated(SIGN_IN_AGAIN)
    with translated(NotAuthorizedException=ended, UserNotFoundException=ended):
        yield


@contextmanager
def _silently() -> Iterator[None]:
    """Keep to ourselves whether somebody has an account, or has confirmed it."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOTHING_TO_SEND:
            raise

"""Sign-in accounts in a Cognito user pool, through the operations that need a role.

People sign in through these, too: only they carry the client's address to Cognito's risk assessment, and with the
public flow switched off nobody can try passwords past our own throttling. Source: Cognito Developer Guide, "Working
with user devices and advanced security" (ContextData).
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from adapters.cognito.answers import all_about, tokens, translated
from domain.errors import NotFound, Unauthenticated
from domain.identity.accounts import Account, Answer, Challenge, SignedIn, Standing

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import (
        AdminInitiateAuthResponseTypeDef,
        AdminRespondToAuthChallengeResponseTypeDef,
    )

NO_ACCOUNT = NotFound("there is no such account")
STANDINGS = {"UNCONFIRMED": Standing.UNCONFIRMED, "FORCE_CHANGE_PASSWORD": Standing.INVITED}
ANSWERS = {
    "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
    "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE",
    "SMS_MFA": "SMS_MFA_CODE",
    "EMAIL_OTP": "EMAIL_OTP_CODE",
    "SELECT_MFA_TYPE": "ANSWER",
}
"""The challenges that we go on with, and the name of the answer to each."""


class CognitoDirectory:
    """The accounts of one user pool; people sign in to one app client without a secret."""

    def __init__(self, client: CognitoIdentityProviderClient, pool_id: str, client_id: str) -> None:
        self._client = client
        self._pool_id = pool_id
        self._client_id = client_id

    def find(self, username: str) -> Account | None:
        """Return an account."""
        try:
            with translated(UserNotFoundException=NO_ACCOUNT):
                found = self._client.admin_get_user(UserPoolId=self._pool_id, Username=username)
        except NotFound:
            return None
        said = {one["Name"]: one.get("Value", "") for one in found["UserAttributes"]}
        standing = STANDINGS.get(found["UserStatus"], Standing.ACTIVE)
        return Account(said["sub"], said.get("email", ""), standing, found["UserCreateDate"])

    def remove(self, subject: str) -> None:
        """Remove an account by its subject; one that is gone already is fine."""
        with suppress(NotFound), translated(UserNotFoundException=NO_ACCOUNT):
            self._client.admin_delete_user(UserPoolId=self._pool_id, Username=subject)

    def invite(self, email: str, name: str) -> str:
        """Make an account whose username is the email, and send it a first password; return its subject."""
        with translated():
            made = self._client.admin_create_user(
                UserPoolId=self._pool_id,
                Username=email.lower(),
                DesiredDeliveryMediums=["EMAIL"],
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                    {"Name": "name", "Value": name},
                ],
            )
        return next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub")

    def login(self, username: str, password: str, address: str) -> SignedIn | Challenge:
        """Sign in from a client's address. Raises Unauthenticated, without saying what was wrong."""
        with translated():
            answer = self._client.admin_initiate_auth(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": password},
                **_context(address, "/user/login"),
            )
        return _outcome(answer)

    def answer(self, answer: Answer, address: str) -> SignedIn | Challenge:
        """Go on with a sign-in. Raises InvalidInput for a wrong answer, Unauthenticated for an old session."""
        name: Any = answer.challenge.name  # one of ANSWERS, as stubs and handlers know
        with all_about("answer"), translated(NotAuthorizedException=Unauthenticated("begin the sign-in anew")):
            answered = self._client.admin_respond_to_auth_challenge(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                ChallengeName=name,
                Session=answer.challenge.session,
                ChallengeResponses={"USERNAME": answer.username, ANSWERS[name]: answer.answer},
                **_context(address, "/user/login/challenge"),
            )
        return _outcome(answered)


def _context(address: str, path: str) -> Any:
    """Return where a client is, for the risk assessment; nothing when the front door did not say."""
    context = {"IpAddress": address, "ServerName": "tradepost", "ServerPath": path, "HttpHeaders": []}
    return {"ContextData": context} if address else {}


def _outcome(
    answer: AdminInitiateAuthResponseTypeDef | AdminRespondToAuthChallengeResponseTypeDef,
) -> SignedIn | Challenge:
    if "AuthenticationResult" not in answer:
        name = answer.get("ChallengeName", "unknown")
        if name not in ANSWERS:
            raise Unauthenticated(f"signing in needs a step that cannot be made here: {name}")
        return Challenge(name, answer["Session"])
    given = tokens(answer["AuthenticationResult"])
    person = _claims(given.id_token)
    username = str(person["cognito:username"])
    email = person.get("email") if str(person.get("email_verified")).lower() == "true" else None
    return SignedIn(given, person["sub"], username, email, person.get("name", username))


def _claims(id_token: str) -> dict[str, Any]:
    """Return what an id token says; it came from Cognito itself just now, so there is nothing to verify."""
    payload = id_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims

"""What Cognito answers, in the domain's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters.aws import available
from domain.errors import (
    FieldProblem,
    InvalidInput,
    NotConfirmed,
    ResetRequired,
    TradepostError,
    Unauthenticated,
    Unavailable,
)
from domain.identity.accounts import Tokens, taken

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.type_defs import AuthenticationResultTypeTypeDef

WRONG_LOGIN = "wrong username or password"


def tokens(found: AuthenticationResultTypeTypeDef) -> Tokens:
    """Return the tokens of a sign-in or a refresh."""
    return Tokens(found["AccessToken"], found["IdToken"], found.get("RefreshToken"), found["ExpiresIn"])


@contextmanager
def translated(**own: TradepostError) -> Iterator[None]:
    """Turn Cognito's refusals into the domain's; `own` are those that mean something else in one operation."""
    try:
        with available():
            yield
    except ClientError as error:
        raise own.get(error.response["Error"]["Code"]) or _refusal(error) from error


def _refusal(error: ClientError) -> Exception:
    said = error.response["Error"].get("Message", "is not accepted")
    refusals: dict[str, TradepostError] = {
        "UsernameExistsException": taken("username"),
        "AliasExistsException": taken("email"),
        "UserNotConfirmedException": NotConfirmed("confirm the registration first: the code was sent by email"),
        "NotAuthorizedException": Unauthenticated(WRONG_LOGIN),
        "UserNotFoundException": Unauthenticated(WRONG_LOGIN),
        "CodeMismatchException": invalid("code", "is not the code that was sent"),
        "ExpiredCodeException": invalid("code", "is no longer valid"),
        "InvalidPasswordException": invalid("password", said),
        "InvalidParameterException": invalid("body", said),
        "PasswordResetRequiredException": ResetRequired("the password must be reset before the next sign-in"),
        "CodeDeliveryFailureException": Unavailable("the code could not be sent; try again later"),
        "UserLambdaValidationException": Unavailable("the registration took too long; try again"),
        "UnexpectedLambdaException": Unavailable("a service behind this is busy; try again"),
        "TooManyFailedAttemptsException": Unavailable("too many tries; try again later"),
    }
    return refusals.get(error.response["Error"]["Code"], error)


def invalid(field: str, message: str) -> InvalidInput:
    """Return the refusal of one field."""
    return InvalidInput(f"the {field} was not accepted", [FieldProblem(field, message)])


@contextmanager
def all_about(field: str) -> Iterator[None]:
    """Name another field in what is refused, where one field of ours stands for several of Cognito's."""
    try:
        yield
    except InvalidInput as error:
        raise invalid(field, "; ".join(one.message for one in error.problems)) from error

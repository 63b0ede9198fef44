"""Cognito asks before it makes an account: only what /user/register has begun is let through.

Who knows the app client's id, which every token names, can call Cognito's SignUp past our throttling and our claims.
Cognito waits 5 s for the answer. Of accounts that the shop itself makes, by invitation or in the console, nothing is
asked. Source: Cognito Developer Guide, "Pre sign-up Lambda trigger".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.system import now
from domain.identity.enrolling import is_registering
from handlers.telemetry import function, logger
from handlers.wiring.users import users

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

BY_THE_SHOP = "PreSignUp_AdminCreateUser"


class Refused(Exception):
    """Cognito tells its words to the caller, as a UserLambdaValidationException."""


@function
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Return the event as it is, which lets the account be made. Raises Refused."""
    email = event["request"]["userAttributes"].get("email", "")
    if event["triggerSource"] != BY_THE_SHOP and not is_registering(event["userName"], email, users(), now):
        logger.warning("a sign-up past /user/register was refused")
        raise Refused("register at /user/register")
    return event
